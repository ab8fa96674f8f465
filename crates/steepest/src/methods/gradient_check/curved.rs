//! What second differences of the values say, where slopes drown in noise.
use super::{HIDES, Known};
use crate::linalg::cholesky::Cholesky;
use crate::problem::Problem;
use crate::status::Halt;

/// Of so many coordinates at most: n (n + 3) / 2 values are asked for.
const MOST: usize = 10;
/// What is lower by so many times the noise is lower.
const CLEAR: f64 = 8.0;

/// Whether a value around x, or the quadratic through such values, leads to a point that is lower by more than noise, which
/// is left in `trial`: along a valley askew to the coordinates slopes tell nothing of how far it is to its floor, nor do
/// steps that were as short as the steep side asked for. Not asked of values that are exact to `rounding`.
pub fn curved(
    problem: &mut Problem<'_>,
    at: &Known<'_>,
    rounding: f64,
    trial: &mut [f64],
) -> Result<bool, Halt> {
    let mut slopes = vec![0.0; at.x.len()];
    let noise = problem.accuracy(&mut slopes);
    if HIDES * noise <= 4.0 * rounding {
        return Ok(false);
    }
    // A step to both sides is wrong by the noise over its length, and half as much besides.
    let steps: Vec<f64> = slopes.iter().map(|slope| 4.0 * noise / slope).collect();
    let n = at.x.len();
    let fits = |j: &usize| {
        let h = steps[*j];
        h > 0.0 && h.is_finite() && (at.room)(*j, 1.0).min((at.room)(*j, -1.0)) > h
    };
    let free: Vec<usize> = (0..n).filter(fits).collect();
    let k = free.len();
    if !(2..=MOST).contains(&k) {
        return Ok(false);
    }
    let mut lowest = (at.value - (CLEAR * noise).max(at.enough), None);
    let mut value = |moved: &[(usize, f64)]| {
        trial[..n].copy_from_slice(at.x);
        moved.iter().for_each(|(i, by)| trial[free[*i]] += by * steps[free[*i]]);
        let value = problem.total(&trial[..n])?;
        if value < lowest.0 {
            lowest = (value, Some(trial[..n].to_vec()));
        }
        Ok::<f64, Halt>(value)
    };
    let (mut ahead, mut slope, mut bends) = (vec![0.0; k], vec![0.0; k], vec![0.0; k * k]);
    for i in 0..k {
        let [up, down] = [value(&[(i, 1.0)])?, value(&[(i, -1.0)])?];
        (ahead[i], slope[i], bends[i * k + i]) =
            (up, 0.5 * (up - down), up + down - 2.0 * at.value);
        for j in 0..i {
            bends[i * k + j] = value(&[(i, 1.0), (j, 1.0)])? - up - ahead[j] + at.value;
        }
    }
    if let (_, Some(lower)) = lowest {
        trial[..n].copy_from_slice(&lower);
        return Ok(true);
    }
    if bends.iter().chain(&slope).any(|v| !v.is_finite()) {
        return Ok(false);
    }
    // What is bent less than noise tells is taken to be bent by that, or by more where it is bent down.
    let mut least = 4.0 * noise;
    let mut by = slope;
    for _ in 0..20 {
        if let Some(factor) = Cholesky::new(k, &bends, |_| least) {
            factor.solve(&mut by);
            break;
        }
        least *= 4.0;
    }
    for part in [1.0, 0.1] {
        trial[..n].copy_from_slice(at.x);
        for (j, by) in free.iter().zip(&by) {
            let by = -part * by * steps[*j];
            trial[*j] = super::within(at.x[*j], by, (at.room)(*j, by));
        }
        if problem.total(&trial[..n])? < at.value - (CLEAR * noise).max(at.enough) {
            return Ok(true);
        }
    }
    Ok(false)
}
