//! One row's step, no farther than its own loss bears.
use super::Online;
use crate::loss::Kink;

/// How near the step is taken to the least, as a share of the plain one.
const NEAR: f64 = 1e-6;
/// By how much a slope may bow, in shares of what the step changes it by.
const STRAIGHT: f64 = 0.05;

impl Online<'_> {
    /// Slopes and second derivatives at several margins, at the cost of one.
    #[inline]
    pub(super) fn at<const N: usize>(&self, target: f64, margin: [f64; N]) -> ([f64; N], [f64; N]) {
        let (mut value, mut slope, mut bend) = ([0.0; N], [0.0; N], [0.0; N]);
        self.loss.jets(&[target; N], &margin, &mut value, &mut slope, &mut bend);
        (slope, bend)
    }
    /// The slope of weight · loss where (m − margin)² / 2v + weight · loss(m) is least, and the second derivative there.
    #[inline]
    pub(super) fn implicit(&self, target: f64, margin: f64, v: f64, weight: f64) -> (f64, f64) {
        if self.loss.straight() {
            return bent(&self.loss.kinks(target), margin, v, weight);
        }
        // How far margins are likely to be from this one: what a narrow loss bends by over these counts, at one of them it
        // bends far more, or not at all.
        let spread = v.sqrt();
        let (mut low, mut high, mut far) = (f64::NEG_INFINITY, f64::INFINITY, 0.0);
        let mut m = margin;
        for round in 0.. {
            let ([s, above, below], [h, ..]) = self.at(target, [m, m + spread, m - spread]);
            let (s, above, below, h) = (weight * s, weight * above, weight * below, weight * h);
            let gap = m - margin + v * s;
            if round == 0 {
                far = gap.abs();
                // What is too large to be found a step for is not hidden by none.
                if (v * h <= 0.02 && far <= 0.05) || !far.is_finite() {
                    return (s / (1.0 + v * h), h);
                }
                // Between the margin and a plain step from it.
                (low, high) = (margin.min(margin - gap), margin.max(margin - gap));
            }
            *(if gap > 0.0 { &mut high } else { &mut low }) = m;
            let newton = m - gap / (1.0 + v * h);
            let inside = newton > low && newton < high;
            // As good as straight from here to there, the slope of the loss has been found.
            let bow = v * (above - s - h * spread).abs().max((s - below - h * spread).abs());
            let straight = gap.abs() <= spread && bow <= STRAIGHT * spread;
            if gap.abs() <= NEAR * far || straight || round == 60 {
                return ((margin - newton.clamp(low, high)) / v, (above - below) / (2.0 * spread));
            }
            m = if inside { newton } else { 0.5 * (low + high) };
        }
        unreachable!("the last round returns")
    }
}

/// [`Online::implicit`] of a loss made of straight parts; it bends where its kinks are likely to be met.
fn bent(kinks: &[Kink], margin: f64, v: f64, weight: f64) -> (f64, f64) {
    let mut kinks: Vec<Kink> = kinks.iter().filter(|k| k.up + k.down > 0.0).copied().collect();
    kinks.sort_by(|a, b| a.at.total_cmp(&b.at));
    let mut slope = -weight * kinks.iter().map(|k| k.down).sum::<f64>();
    let mut found = None;
    for k in &kinks {
        if found.is_none() && margin - v * slope <= k.at {
            found = Some(slope);
        }
        slope += weight * (k.up + k.down);
        if found.is_none() && margin - v * slope <= k.at {
            found = Some((margin - k.at) / v);
        }
    }
    let s = found.unwrap_or(slope);
    let m = margin - v * s;
    let spread = v.sqrt();
    let met = |k: &Kink| {
        let far = (k.at - m) / spread;
        (k.up + k.down) * (-0.5 * far * far).exp() / (spread * (2.0 * std::f64::consts::PI).sqrt())
    };
    (s, weight * kinks.iter().map(met).sum::<f64>())
}
