//! Rows drawn by their scores, as often as those say.
use crate::parallel::pool::pool;

/// Places whose scores are summed at once.
pub(super) const PART: usize = 16_384;

/// Systematic: as many as the sum of chances says, spread over the places.
pub(super) fn draw(score: &[f32], times: f32, start: &mut f64) -> Vec<u32> {
    let mut starts = vec![*start];
    for sum in sums(score, times, 1.0) {
        starts.push((starts[starts.len() - 1] + sum).fract());
    }
    *start = starts[starts.len() - 1];
    let parts = pool().map(starts.len() - 1, |part| {
        let (mut sum, mut places) = (starts[part], Vec::new());
        for (p, s) in score.iter().enumerate().skip(part * PART).take(PART) {
            sum += f64::from((s * times).min(1.0));
            if sum >= 1.0 {
                sum -= 1.0;
                places.push(p as u32);
            }
        }
        places
    });
    parts.concat()
}

/// Σ min(score · times, most), by parts.
pub(super) fn sums(score: &[f32], times: f32, most: f32) -> Vec<f64> {
    pool().map(score.len().div_ceil(PART), |part| {
        capped(&score[part * PART..score.len().min((part + 1) * PART)], times, most)
    })
}

crate::simd! {
    fn capped[](score: &[f32], times: f32, most: f32) -> f64 {
        let (chunks, rest) = score.as_chunks::<16>();
        let mut acc = [0.0; 16];
        for c in chunks {
            for l in 0..16 {
                acc[l] += f64::from((c[l] * times).min(most));
            }
        }
        let acc = std::hint::black_box(acc);
        acc.iter().sum::<f64>() + rest.iter().map(|s| f64::from((s * times).min(most))).sum::<f64>()
    }
}
