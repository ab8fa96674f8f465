//! One row's step, no farther than its own loss bears.
use super::Online;
use crate::loss::Kink;

impl Online<'_> {
    #[inline]
    pub(super) fn at(&self, target: f64, margin: f64) -> (f64, f64) {
        let j = (self.jet)(self.settings, target, margin);
        (j.first, j.second)
    }
    /// The slope of weight · loss where (m − margin)² / 2v + weight · loss(m) is least, and the second derivative there.
    #[inline]
    pub(super) fn implicit(&self, target: f64, margin: f64, v: f64, weight: f64) -> (f64, f64) {
        if let Some(loss) = self.straight {
            return bent(&loss.kinks(target), margin, v, weight);
        }
        let (s, h) = self.at(target, margin);
        let (mut s, mut h) = (weight * s, weight * h);
        let far = v * s;
        if v * h <= 0.02 && far.abs() <= 0.05 {
            return (s / (1.0 + v * h), h);
        }
        // Between the margin and a plain step from it.
        let (mut low, mut high) =
            if far > 0.0 { (margin - far, margin) } else { (margin, margin - far) };
        let mut m = margin;
        for _ in 0..60 {
            let gap = m - margin + v * s;
            if gap.abs() <= 1e-6 * far.abs() {
                break;
            }
            *(if gap > 0.0 { &mut high } else { &mut low }) = m;
            let next = m - gap / (1.0 + v * h);
            m = if next > low && next < high { next } else { 0.5 * (low + high) };
            let there = self.at(target, m);
            (s, h) = (weight * there.0, weight * there.1);
        }
        // What it bends by over the margins that are likely: at one of them a narrow loss bends far more, or not at all.
        let spread = v.sqrt();
        let (above, below) = (self.at(target, m + spread).0, self.at(target, m - spread).0);
        ((margin - m) / v, weight * (above - below) / (2.0 * spread))
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
