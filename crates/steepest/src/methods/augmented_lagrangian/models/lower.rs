//! Where the Lagrangian is lower than at a point that is level: from a saddle, along the constraints.
use super::confirm::{Claim, Holding, orthogonal, room};
use super::{Limits, Models};
use crate::linalg::vectors::dot;
use crate::problem::Problem;
use crate::status::Halt;

/// Ways that are looked along with all that is between them; of more, one that no symmetry singles out.
const FEW: usize = 8;
/// What is not seen is looked at from so many times as far.
const FURTHER: f64 = 30.0;

impl Models {
    /// A step to where the Lagrangian is lower along the constraints that hold, found by how it bends along all ways that
    /// they leave; none where none is seen.
    pub(super) fn lower(
        &self,
        problem: &mut Problem<'_>,
        claim: &Claim<'_>,
    ) -> Result<Option<Vec<f64>>, Halt> {
        let x = claim.x;
        let Some(place) = self.place(problem, claim) else { return Ok(None) };
        let nothing = 4.0 * place.hidden;
        // Ways of a length at which something is seen, what the Lagrangian is there, and how it bends.
        let (mut ways, mut ahead, mut bends) = (Vec::new(), Vec::new(), Vec::new());
        for unit in place.ways() {
            let mut h = self.seen_at(&place, &unit);
            for _ in 0..3 {
                let Some(most) = room(claim.within.bounds, x, &unit) else { break };
                let reach = h.min(0.5 * most[0].min(most[1]));
                if !(reach > 0.0) {
                    break;
                }
                let there = self.beside(problem, claim, (reach, &unit))?.change;
                let back = self.beside(problem, claim, (-reach, &unit))?.change;
                let risen = there + back;
                if !risen.is_finite() {
                    h *= 0.05;
                } else if risen.abs() > 2.0 * nothing || reach < h {
                    ways.push(unit.iter().map(|u| reach * u).collect::<Vec<f64>>());
                    ahead.push(there);
                    bends.push(risen);
                    break;
                } else {
                    h *= FURTHER;
                }
            }
        }
        let w = ways.len();
        let mut matrix = vec![0.0; w * w];
        for i in 0..w {
            matrix[i * w + i] = bends[i] + nothing;
            for k in 0..i {
                let both: Vec<f64> = ways[i].iter().zip(&ways[k]).map(|(a, b)| a + b).collect();
                let there = match room(claim.within.bounds, x, &both) {
                    Some([most, _]) if most >= 1.0 => {
                        self.beside(problem, claim, (1.0, &both))?.change
                    }
                    _ => f64::NAN,
                };
                let cross = there - ahead[i] - ahead[k];
                let cross = if cross.is_finite() { cross } else { 0.0 };
                (matrix[i * w + k], matrix[k * w + i]) = (cross, cross);
            }
        }
        let Some(v) = downward(&mut matrix, w) else { return Ok(None) };
        let mut step = vec![0.0; x.len()];
        for (way, v) in ways.iter().zip(&v) {
            step.iter_mut().zip(way).for_each(|(s, u)| *s += v * u);
        }
        self.descended(problem, claim, step, nothing)
    }

    /// As far along a step, to either side, as the Lagrangian goes on down.
    fn descended(
        &self,
        problem: &mut Problem<'_>,
        claim: &Claim<'_>,
        mut step: Vec<f64>,
        nothing: f64,
    ) -> Result<Option<Vec<f64>>, Halt> {
        let mut best: Option<(f64, f64)> = None;
        let most = room(claim.within.bounds, claim.x, &step).unwrap_or([0.0; 2]);
        for far in [1.0, 10.0, 100.0, 1000.0] {
            for (way, most) in [(1.0, most[0]), (-1.0, most[1])] {
                if far <= 0.5 * most {
                    let change = self.beside(problem, claim, (way * far, &step))?.change;
                    if change < -nothing && best.is_none_or(|b| change < b.0) {
                        best = Some((change, way * far));
                    }
                }
            }
            if best.is_none_or(|b| b.1.abs() < far) {
                break;
            }
        }
        Ok(best.map(|(_, along)| {
            step.iter_mut().for_each(|s| *s *= along);
            step
        }))
    }

    /// The same of a point that was found otherwise, with these multipliers; f has come by `size`.
    pub fn saddle(
        mut self,
        problem: &mut Problem<'_>,
        x: &[f64],
        price: &[f64],
        size: f64,
    ) -> Result<Option<Vec<f64>>, Halt> {
        self.size = self.size.max(size);
        let limits = Limits::of(problem);
        let within = limits.within();
        let small = self.small(problem.tolerance());
        self.lower(problem, &Claim { x, price, promised: 0.0, small, hidden: 0.0, within })
    }
}

impl Holding {
    /// Ways within the constraints that hold, of length 1 and at right angles: all, where they are few.
    fn ways(&self) -> Vec<Vec<f64>> {
        let n = self.own.len();
        let drawn: Vec<Vec<f64>> = if self.within() > FEW {
            vec![self.scattered()]
        } else {
            let one = |j: usize| (0..n).map(|k| if k == j { 1.0 } else { 0.0 }).collect();
            (0..n).filter(|j| self.free[*j]).map(one).collect()
        };
        let mut ways: Vec<Vec<f64>> = Vec::new();
        for all in drawn {
            let mut u = all.clone();
            orthogonal(&self.normals, &mut u);
            orthogonal(&ways, &mut u);
            let (whole, length) = (dot(&all, &all).sqrt(), dot(&u, &u).sqrt());
            if length > 1e-6 * whole {
                ways.push(u.iter().map(|u| u / length).collect());
            }
        }
        ways
    }
}

/// A vector v with v′Mv < 0, its largest entry 1; none where elimination meets none.
fn downward(matrix: &mut [f64], n: usize) -> Option<Vec<f64>> {
    for k in 0..n {
        let pivot = matrix[k * n + k];
        if pivot < 0.0 {
            let mut v = vec![0.0; n];
            v[k] = 1.0;
            for i in (0..k).rev() {
                v[i] = -(i + 1..=k).map(|j| matrix[j * n + i] * v[j]).sum::<f64>();
            }
            let most = v.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            v.iter_mut().for_each(|v| *v /= most);
            return v.iter().all(|v| v.is_finite()).then_some(v);
        }
        for i in k + 1..n {
            let by = if pivot == 0.0 { 0.0 } else { matrix[i * n + k] / pivot };
            for j in k + 1..n {
                matrix[i * n + j] -= by * matrix[k * n + j];
            }
            // Below the pivots stands the factor L.
            matrix[i * n + k] = by;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bends_down_between_two_ways_is_found() {
        let m = [2.0, 3.0, 0.5, 3.0, 2.0, 0.0, 0.5, 0.0, 4.0];
        let v = downward(&mut m.clone(), 3).unwrap();
        let bent: f64 = (0..9).map(|i| v[i / 3] * m[i] * v[i % 3]).sum();
        assert!(bent < 0.0, "{v:?} {bent}");
        assert!(downward(&mut [2.0, 1.0, 1.0, 2.0], 2).is_none());
    }
}
