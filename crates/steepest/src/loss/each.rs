//! A loss of one margin over many samples, some at once.
use super::{Block, KINKS, Kink, Loss, chord};
use crate::numbers::jet::Jet;

/// A [`Loss`] of one margin at work.
pub struct Each<L>(pub L);

/// Samples worked on at once. A tail is filled up, so that no sample is worked on alone: one by one they cost
/// eight times as much.
const LANES: usize = 8;
type Lanes = [f64; LANES];

/// The tail of a column, filled up with its last number.
#[inline(always)]
fn filled(tail: &[f64]) -> Lanes {
    std::array::from_fn(|l| tail[l.min(tail.len() - 1)])
}

#[inline(always)]
fn value8<L: Loss>(s: L::Of<f64>, target: &Lanes, margin: &Lanes, value: &mut Lanes) {
    for l in 0..LANES {
        value[l] = L::value(s, target[l], margin[l]);
    }
}

/// Margins become slopes.
#[inline(always)]
fn jet8<L: Loss>(
    s: L::Of<Jet<f64>>,
    target: &Lanes,
    slope: &mut Lanes,
    value: &mut Lanes,
    curvature: &mut Lanes,
) {
    for l in 0..LANES {
        let j = L::jet(s, target[l], slope[l]);
        value[l] = j.value;
        slope[l] = j.first;
        curvature[l] = j.second;
    }
}

crate::simd! {
    fn values[L: Loss](loss: L, target: &[f64], margin: &[f64], value: &mut [f64]) {
        let s = loss.lit::<f64>();
        let ((t, tt), (m, mt), (v, vt)) = (target.as_chunks(), margin.as_chunks(), value.as_chunks_mut());
        for ((t, m), v) in t.iter().zip(m).zip(v) {
            value8::<L>(s, t, m, v);
        }
        if !vt.is_empty() {
            let mut v = [0.0; LANES];
            value8::<L>(s, &filled(tt), &filled(mt), &mut v);
            vt.copy_from_slice(&v[..vt.len()]);
        }
    }
}
crate::simd! {
    fn slopes[L: Loss](loss: L, target: &[f64], margin: &mut [f64], value: &mut [f64]) {
        let s = loss.lit::<Jet<f64>>();
        let ((t, tt), (m, mt), (v, vt)) = (target.as_chunks(), margin.as_chunks_mut(), value.as_chunks_mut());
        for ((t, m), v) in t.iter().zip(m).zip(v) {
            jet8::<L>(s, t, m, v, &mut [0.0; LANES]);
        }
        if !vt.is_empty() {
            let (mut m, mut v) = (filled(mt), [0.0; LANES]);
            jet8::<L>(s, &filled(tt), &mut m, &mut v, &mut [0.0; LANES]);
            vt.copy_from_slice(&v[..vt.len()]);
            mt.copy_from_slice(&m[..mt.len()]);
        }
    }
}
crate::simd! {
    fn jets[L: Loss](loss: L, target: &[f64], margin: &[f64], value: &mut [f64], slope: &mut [f64], curvature: &mut [f64]) {
        slope.copy_from_slice(margin);
        let s = loss.lit::<Jet<f64>>();
        let ((t, tt), (m, mt)) = (target.as_chunks(), slope.as_chunks_mut());
        let ((v, vt), (c, ct)) = (value.as_chunks_mut(), curvature.as_chunks_mut());
        for (((t, m), v), c) in t.iter().zip(m).zip(v).zip(c) {
            jet8::<L>(s, t, m, v, c);
        }
        if !vt.is_empty() {
            let (mut m, mut v, mut c) = (filled(mt), [0.0; LANES], [0.0; LANES]);
            jet8::<L>(s, &filled(tt), &mut m, &mut v, &mut c);
            vt.copy_from_slice(&v[..vt.len()]);
            mt.copy_from_slice(&m[..mt.len()]);
            ct.copy_from_slice(&c[..ct.len()]);
        }
    }
}

impl<L: Loss> Block for Each<L> {
    fn name(&self) -> &'static str {
        L::NAME
    }
    fn values(&self, target: &[f64], margin: &[f64], value: &mut [f64]) {
        values(self.0, target, margin, value);
    }
    fn slopes(&self, target: &[f64], margin: &mut [f64], value: &mut [f64]) {
        slopes(self.0, target, margin, value);
    }
    fn jets(
        &self,
        target: &[f64],
        margin: &[f64],
        value: &mut [f64],
        slope: &mut [f64],
        curvature: &mut [f64],
    ) {
        jets(self.0, target, margin, value, slope, curvature);
    }
    fn conjugate_distance(&self, target: f64, margin: &[f64], u: &[f64]) -> f64 {
        L::conjugate_distance(&self.0, target, margin[0], u[0])
    }
    fn conjugate_edge(&self, target: f64, margin: f64, sign: f64) -> f64 {
        L::conjugate_edge(&self.0, target, margin, sign)
    }
    fn chord(&self, target: f64, margin: f64) -> f64 {
        chord(&self.0, target, margin)
    }
    fn refuses(&self, target: f64) -> Option<&'static str> {
        L::refuses(&self.0, target)
    }
    fn quadratic(&self) -> bool {
        L::QUADRATIC
    }
    fn convex(&self) -> bool {
        L::convex(&self.0)
    }
    fn straight(&self) -> bool {
        L::STRAIGHT
    }
    fn half_squares(&self) -> bool {
        L::HALF_SQUARES
    }
    fn kinks(&self, target: f64) -> [Kink; KINKS] {
        L::kinks(&self.0, target)
    }
    fn means(&self, margin: &mut [f64]) {
        margin.iter_mut().for_each(|m| *m = L::mean(&self.0, *m));
    }
    fn settled(&self, target: f64, margin: &[f64]) -> bool {
        L::settled(target, margin[0])
    }
    fn rare(&self) -> bool {
        L::RARE
    }
}
