//! A loss of two numbers a row, squares beyond an interval: it keeps both, and what stands for a target is the row's number.
use steepest::descend::descend;
use steepest::designs::dense::Dense;
use steepest::glm::Glm;
use steepest::loss::Block;
use steepest::methods::{METHODS, at_work};
use steepest::penalties::l2::L2;
use steepest::penalty::PerCoordinate;
use steepest::status::Status;
use steepest::watch::{Stop, Unwatched};

/// ½ of the square of how far a margin lies below the first or above the second.
struct Intervals {
    ends: Vec<[f64; 2]>,
}

impl Intervals {
    fn beyond(&self, row: f64, margin: f64) -> f64 {
        let [low, high] = self.ends[row as usize];
        margin - margin.clamp(low, high)
    }
}

impl Block for Intervals {
    fn name(&self) -> &'static str {
        "intervals"
    }
    fn values(&self, row: &[f64], margin: &[f64], value: &mut [f64]) {
        for ((v, row), m) in value.iter_mut().zip(row).zip(margin) {
            *v = 0.5 * self.beyond(*row, *m).powi(2);
        }
    }
    fn slopes(&self, row: &[f64], margin: &mut [f64], value: &mut [f64]) {
        self.values(row, margin, value);
        margin.iter_mut().zip(row).for_each(|(m, row)| *m = self.beyond(*row, *m));
    }
    fn jets(
        &self,
        row: &[f64],
        margin: &[f64],
        value: &mut [f64],
        slope: &mut [f64],
        curvature: &mut [f64],
    ) {
        slope.copy_from_slice(margin);
        self.slopes(row, slope, value);
        curvature.iter_mut().zip(slope).for_each(|(c, s)| *c = f64::from(*s != 0.0));
    }
    /// ψ*(slope) + ψ(margin) − slope·margin, with ψ*(s) = ½ s² + s·high where s > 0, ½ s² + s·low where s < 0.
    fn conjugate_distance(&self, row: f64, margin: &[f64], u: &[f64]) -> f64 {
        let [low, high] = self.ends[row as usize];
        let here = self.beyond(row, margin[0]);
        let slope = here + u[0];
        let end = match slope {
            s if s > 0.0 => s * high,
            s if s < 0.0 => s * low,
            _ => 0.0,
        };
        (0.5 * slope * slope + end + 0.5 * here * here - slope * margin[0]).max(0.0)
    }
    /// A slope may be of any size on a side where the interval ends, and has none of that sign where it does not.
    fn conjugate_edge(&self, row: f64, margin: f64, sign: f64) -> f64 {
        let ([low, high], here) = (self.ends[row as usize], self.beyond(row, margin));
        let (end, left) = if sign > 0.0 { (high, -here) } else { (low, here) };
        if end.is_finite() { f64::INFINITY } else { left }
    }
    fn refuses(&self, row: f64) -> Option<&'static str> {
        let [low, high] = self.ends[row as usize];
        (low > high).then_some("an interval's first end must not lie above its second")
    }
    fn means(&self, _: &mut [f64]) {}
    fn rare(&self) -> bool {
        false
    }
}

#[test]
fn rows_known_within_intervals_are_fitted_and_the_optimum_is_proved() {
    let x: Vec<f64> = (0..60).map(|i| f64::from(i * 37 % 60) / 20.0 - 1.0).collect();
    let ends = x.iter().enumerate().map(|(i, x)| {
        let y = 1.0 + 2.0 * x + 0.3 * f64::from(i as i32 % 7 - 3);
        [y.floor(), if i % 5 == 0 { f64::INFINITY } else { y.floor() + 1.0 }]
    });
    let loss = Intervals { ends: ends.collect() };
    let rows: Vec<f64> = (0..60).map(f64::from).collect();
    let design = Dense::by_rows(&x, 1).expect("a table");
    let penalty = PerCoordinate::new(L2::default(), &[1e-3, 0.0]);
    let mut values = Vec::new();
    for name in ["progressive", "lbfgs", "newton", "gradient_descent"] {
        let mut glm = Glm::new(&design, &loss, &rows, None, true).expect("a problem");
        let entry = METHODS.iter().find(|m| m.name == name).expect("it is there");
        let settings: Vec<f64> = entry.parameters.iter().map(|p| p.default).collect();
        let method = at_work(entry, &settings);
        let found = descend(&mut glm, &penalty, method, &[0.0; 2], Stop::default(), &mut Unwatched)
            .expect("a solution");
        assert_eq!(found.status, Status::Converged, "{name}");
        values.push(found.value);
    }
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(least > 0.0 && values.iter().all(|v| *v <= least * (1.0 + 1e-5)), "{values:?}");
    // An interval that is none is named.
    let twisted = Intervals { ends: vec![[0.0, 1.0], [1.0, 0.0]] };
    let design = Dense::by_rows(&[1.0, 2.0], 1).expect("a table");
    let why = Glm::new(&design, &twisted, &[0.0, 1.0], None, true).err().expect("it is refused");
    assert!(why.to_string().contains("must not lie above its second"), "{why}");
}
