//! Which rows stand for all in a metric: some spread evenly, some drawn by what they carry.
use super::ground::Seen;
use super::metric::Recipe;
use super::sample;
use crate::pool::pool;

/// Places, and their share times how many others each stands for.
pub fn choose(seen: Seen<'_>, recipe: &Recipe<'_>, k: usize) -> (Vec<u32>, Vec<f64>) {
    let n = seen.len();
    if k + k / 4 >= n {
        return ((0..n as u32).collect(), (0..n).map(|p| seen.share(p)).collect());
    }
    let near = spread_out(seen, recipe, k - k / 4);
    let even = Even::of(seen, recipe, &near);
    let far = Far::of(seen, recipe, k / 2);
    // A place may be drawn either way; what it weighs is one over how often it is drawn in all.
    let mut drawn: Vec<(u32, f64)> = near.into_iter().chain(far.draw()).map(|p| (p, 0.0)).collect();
    for (p, times) in &mut drawn {
        *times = 1.0 / (even.chance(seen, recipe, *p) + far.chance(*p));
    }
    drawn.sort_unstable_by_key(|d| d.0);
    drawn.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        kept.1 += if same { next.1 } else { 0.0 };
        same
    });
    let places: Vec<u32> = drawn.iter().map(|d| d.0).collect();
    let portion = drawn.iter().map(|(p, times)| seen.share(*p as usize) * times).collect();
    (places, portion)
}

/// About `k` places spread over the ground.
fn spread_out(seen: Seen<'_>, recipe: &Recipe<'_>, k: usize) -> Vec<u32> {
    if seen.ground.sample.is_none() {
        return sample::rows(seen.glm, recipe.sides, k, 77).rows().map(|i| i as u32).collect();
    }
    sample::runs(k, seen.len(), 77).into_iter().flatten().map(|p| p as u32).collect()
}

/// How often a place is drawn when they are drawn evenly, on the rarer side and on the other.
struct Even {
    common: f64,
    rare: f64,
}

impl Even {
    fn of(seen: Seen<'_>, recipe: &Recipe<'_>, drawn: &[u32]) -> Self {
        let n = seen.len() as f64;
        let Some(sides) = recipe.sides.filter(|_| seen.ground.sample.is_none()) else {
            return Even { common: drawn.len() as f64 / n, rare: 1.0 };
        };
        let rare = drawn.iter().filter(|p| sides.holds(seen.glm, **p as usize)).count() as f64;
        let all = sides.rare.len() as f64;
        Even { common: (drawn.len() as f64 - rare) / (n - all), rare: rare / all }
    }
    fn chance(&self, seen: Seen<'_>, recipe: &Recipe<'_>, place: u32) -> f64 {
        let sides = recipe.sides.filter(|_| seen.ground.sample.is_none());
        let rare = sides.is_some_and(|s| s.holds(seen.glm, place as usize));
        if rare { self.rare } else { self.common }
    }
}

/// Whether some of these rows are so much farther out than the others that it matters which are drawn.
pub fn tailed(distances: &[f32]) -> bool {
    let most = distances.iter().fold(0.0f32, |m, d| m.max(*d));
    let mean = distances.iter().map(|d| f64::from(*d)).sum::<f64>() / distances.len() as f64;
    !(f64::from(most) <= 8.0 * mean)
}

/// Places drawn in proportion to share · curvature · distance²: the few that carry much of the Hessian (heavy
/// tails, rare levels, the border between classes) are all among them.
struct Far {
    score: Vec<f32>,
    times: f32,
}

/// Places whose scores are summed at once.
const PART: usize = 16_384;

impl Far {
    fn of(seen: Seen<'_>, recipe: &Recipe<'_>, m: usize) -> Self {
        let score = seen.scores(recipe.z, recipe.distances);
        let sum = |times: f32, most: f32| sums(&score, times, most).iter().sum::<f64>();
        let mut times = (m as f64 / sum(1.0, f32::INFINITY).max(1e-300)) as f32;
        // Chances end at 1: what is cut off there goes to the others.
        for _ in 0..40 {
            let short = m as f64 / sum(times, 1.0).max(1e-300);
            if short < 1.05 {
                break;
            }
            times *= short.min(1e6) as f32;
        }
        Far { score, times: if times.is_finite() { times } else { 0.0 } }
    }
    fn chance(&self, place: u32) -> f64 {
        self.score.get(place as usize).map_or(0.0, |s| f64::from((s * self.times).min(1.0)))
    }
    /// Systematic: as many as the sum of chances says, spread over the ground.
    fn draw(&self) -> Vec<u32> {
        let mut starts = vec![0.5];
        for sum in sums(&self.score, self.times, 1.0) {
            starts.push((starts[starts.len() - 1] + sum).fract());
        }
        let parts = pool().map(starts.len() - 1, |part| {
            let (mut sum, mut places) = (starts[part], Vec::new());
            for (p, s) in self.score.iter().enumerate().skip(part * PART).take(PART) {
                sum += f64::from((s * self.times).min(1.0));
                if sum >= 1.0 {
                    sum -= 1.0;
                    places.push(p as u32);
                }
            }
            places
        });
        parts.concat()
    }
}

/// Σ min(score · times, most), by parts.
fn sums(score: &[f32], times: f32, most: f32) -> Vec<f64> {
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
