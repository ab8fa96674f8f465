//! A function under constraints, as an objective: shared by the tests of those and of forged runs.
use steepest::objective::{Ask, Objective, Offers, Rows, Sorted, Work};
use steepest::status::Halt;

/// A formula.
pub type Value = fn(&[f64]) -> f64;

/// A function and constraints, differentiated by differences to both sides that are exact to ten digits.
pub struct Constrained {
    pub n: usize,
    pub value: Value,
    pub constraints: &'static [Value],
    pub low: Vec<f64>,
    pub high: Vec<f64>,
}

fn slope(f: Value, x: &[f64], to: &mut [f64]) {
    let mut at = x.to_vec();
    for j in 0..x.len() {
        let h = 1e-5 * x[j].abs().max(1.0);
        let one = |at: &mut Vec<f64>, t: f64| {
            at[j] = x[j] + t * h;
            f(at)
        };
        let near = one(&mut at, 1.0) - one(&mut at, -1.0);
        let far = one(&mut at, 2.0) - one(&mut at, -2.0);
        at[j] = x[j];
        to[j] = (8.0 * near - far) / (12.0 * h);
    }
}

impl Objective for Constrained {
    fn offers(&self) -> Offers {
        Offers { constraints: self.constraints.len(), ..Offers::gradients(self.n) }
    }
    fn limits(&self) -> (&[f64], &[f64]) {
        (&self.low, &self.high)
    }
    fn answer(
        &mut self,
        x: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        _: &mut Work<'_>,
    ) -> Result<(), Halt> {
        rows.all()?;
        let mut sorted = Sorted::of(asks);
        for ask in std::mem::take(&mut sorted.others) {
            match ask {
                Ask::Constraints(to) => {
                    to.iter_mut().zip(self.constraints).for_each(|(to, c)| *to = c(x));
                }
                Ask::Pull { by, to } => {
                    to.fill(0.0);
                    let mut one = vec![0.0; x.len()];
                    for (c, by) in self.constraints.iter().zip(*by) {
                        slope(*c, x, &mut one);
                        to.iter_mut().zip(&one).for_each(|(to, g)| *to += by * g);
                    }
                }
                other => other.unknown()?,
            }
        }
        let value = self.value;
        sorted.plainly(
            || Ok(value(x)),
            |to| {
                slope(value, x, to);
                Ok(value(x))
            },
        )
    }
}
