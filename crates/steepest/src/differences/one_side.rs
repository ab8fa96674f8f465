//! Steps to one side: as long as the noise of f and the bend along a variable make them.
use super::{Differences, EPS, FAR, Length, PerVariable, Value};

/// Where the noise along a variable is less than this of what it was taken for, nothing is known of the variable there.
const ELSEWHERE: f64 = 1e-6;

impl Differences {
    /// To one side: slope and error.
    pub(super) fn aside<E>(
        &mut self,
        j: usize,
        x: &[f64],
        f: f64,
        value: &mut Value<'_, E>,
    ) -> Result<(f64, f64), E> {
        let noise = self.noise_along(j, x[j], f);
        let PerVariable { second, at, size, flat, .. } = self.seen[j];
        if second < 0.0 {
            return self.survey(j, x, f, value);
        }
        let (low, high) = self.range(j);
        let h = self.given(j, x[j]).unwrap_or_else(|| {
            let found = 2.0 * at * (noise / second).sqrt();
            found.min(0.1 * size).max(16.0 * EPS * x[j].abs())
        });
        let sides = if x[j] + h <= high || high - x[j] >= x[j] - low { [h, -h] } else { [-h, h] };
        let wild = |h: f64, change: f64| h > 0.01 * size && change > FAR * noise;
        for side in sides {
            let to = (x[j] + side).clamp(low, high);
            if to == x[j] {
                continue;
            }
            let moved = self.moved(j, x, to, value)?;
            if moved == f && !flat && self.length == Length::Found {
                // Lost in the storage or the rounding of f: look from further off.
                self.again = self.measured.is_some_and(|m| !(f.abs() > 0.5 * m));
                break;
            }
            let (h, slope) = ((to - x[j]).abs(), (moved - f) / (to - x[j]));
            // So long a step for so large a change, or by what was seen where f was larger by far: the bend is another by now.
            let other = wild(h, (moved - f).abs())
                || moved.is_finite() && self.noise_by(x[j], f, slope, [0.0; 2]) < ELSEWHERE * noise;
            if self.length == Length::Found && other {
                self.seen[j].second = -1.0;
                break;
            }
            if moved.is_finite() {
                let bend = (second / at) / at;
                return Ok((slope, 0.5 * bend * h + 2.0 * noise / h));
            }
        }
        self.survey(j, x, f, value)
    }
}
