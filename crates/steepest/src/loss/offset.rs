//! A number of each row's own that is added to its margin: the logarithm of an exposure, say.
use super::{Block, KINKS, Kink};

/// A loss of one margin at rows that have an offset: loss(target, margin + offset).
///
/// What stands for a row's target is its [`key`](Self::keys), by which target and offset are found: so whoever handles
/// targets one by one needs to know nothing of offsets.
///
/// ```
/// use steepest::{loss::{Block, Each, offset::Offset}, losses::poisson::Poisson};
/// let base = Each(Poisson::default());
/// let (count, years) = ([2.0, 6.0], [1.0f64.ln(), 3.0f64.ln()]);
/// let loss = Offset::new(&base, &count, &years).unwrap();
/// let mut value = [f64::NAN; 2];
/// // Two a year in both rows.
/// loss.values(&loss.keys(), &[2.0f64.ln(); 2], &mut value);
/// assert!(value.iter().all(|v| v.abs() < 1e-14));
/// ```
pub struct Offset<'a> {
    base: &'a dyn Block,
    target: &'a [f64],
    offset: &'a [f64],
}

/// Rows taken at once.
const ROWS: usize = 256;

impl<'a> Offset<'a> {
    /// Checked: a loss of one margin, as many offsets as targets, all finite, and targets that the loss takes.
    pub fn new(base: &'a dyn Block, target: &'a [f64], offset: &'a [f64]) -> Result<Self, String> {
        if base.outputs() != 1 {
            return Err(format!(
                "the loss {} has several margins: it takes no offset",
                base.name()
            ));
        }
        if offset.len() != target.len() {
            return Err(format!(
                "{} rows need as many offsets; got {}",
                target.len(),
                offset.len()
            ));
        }
        if let Some(i) = offset.iter().position(|o| !o.is_finite()) {
            return Err(format!("offsets must be finite; got {} in row {i}", offset[i]));
        }
        let bad =
            |t: &f64| if t.is_finite() { base.refuses(*t) } else { Some("targets must be finite") };
        if let Some((i, why)) = target.iter().enumerate().find_map(|(i, t)| Some((i, bad(t)?))) {
            return Err(format!("{why}; got {} in row {i}", target[i]));
        }
        Ok(Offset { base, target, offset })
    }
    /// What stands for the targets: the row's number, from 1; negative where the target is not above 0, so that rare
    /// sides are still seen.
    pub fn keys(&self) -> Vec<f64> {
        let key = |(i, t): (usize, &f64)| if *t > 0.0 { 1.0 + i as f64 } else { -1.0 - i as f64 };
        self.target.iter().enumerate().map(key).collect()
    }
    fn row(key: f64) -> usize {
        key.abs() as usize - 1
    }
    /// Target and margin of the loss beneath.
    fn beneath(&self, key: f64, margin: f64) -> (f64, f64) {
        let row = Self::row(key);
        (self.target[row], margin + self.offset[row])
    }
    /// Targets and margins of the loss beneath, by so many rows at once.
    fn by_rows(
        &self,
        keys: &[f64],
        margin: &mut [f64],
        mut work: impl FnMut(usize, &[f64], &mut [f64]),
    ) {
        let mut targets = [0.0; ROWS];
        for (c, (keys, margin)) in keys.chunks(ROWS).zip(margin.chunks_mut(ROWS)).enumerate() {
            for ((key, m), t) in keys.iter().zip(&mut *margin).zip(&mut targets) {
                (*t, *m) = self.beneath(*key, *m);
            }
            work(c * ROWS, &targets[..keys.len()], margin);
        }
    }
}

impl Block for Offset<'_> {
    fn name(&self) -> &'static str {
        self.base.name()
    }
    fn values(&self, target: &[f64], margin: &[f64], value: &mut [f64]) {
        self.by_rows(target, &mut margin.to_vec(), |at, target, margin| {
            self.base.values(target, margin, &mut value[at..at + target.len()]);
        });
    }
    fn slopes(&self, target: &[f64], margin: &mut [f64], value: &mut [f64]) {
        self.by_rows(target, margin, |at, target, margin| {
            self.base.slopes(target, margin, &mut value[at..at + target.len()]);
        });
    }
    fn jets(
        &self,
        target: &[f64],
        margin: &[f64],
        value: &mut [f64],
        slope: &mut [f64],
        curvature: &mut [f64],
    ) {
        self.by_rows(target, &mut margin.to_vec(), |at, target, margin| {
            let rows = at..at + target.len();
            let (v, c) = (&mut value[rows.clone()], &mut curvature[rows.clone()]);
            self.base.jets(target, margin, v, &mut slope[rows], c);
        });
    }
    fn conjugate_distance(&self, target: f64, margin: &[f64], u: &[f64]) -> f64 {
        let (target, margin) = self.beneath(target, margin[0]);
        self.base.conjugate_distance(target, &[margin], u)
    }
    fn conjugate_edge(&self, target: f64, margin: f64, sign: f64) -> f64 {
        let (target, margin) = self.beneath(target, margin);
        self.base.conjugate_edge(target, margin, sign)
    }
    fn chord(&self, target: f64, margin: f64) -> f64 {
        let (target, margin) = self.beneath(target, margin);
        self.base.chord(target, margin)
    }
    /// Keys of its own rows only.
    fn refuses(&self, target: f64) -> Option<&'static str> {
        let known =
            target.fract() == 0.0 && (1.0..=self.target.len() as f64).contains(&target.abs());
        (!known).then_some("a loss with offsets takes the keys of its rows for targets")
    }
    fn quadratic(&self) -> bool {
        self.base.quadratic()
    }
    fn convex(&self) -> bool {
        self.base.convex()
    }
    fn straight(&self) -> bool {
        self.base.straight()
    }
    fn half_squares(&self) -> bool {
        self.base.half_squares()
    }
    fn kinks(&self, target: f64) -> [Kink; KINKS] {
        let row = Self::row(target);
        self.base.kinks(self.target[row]).map(|k| Kink { at: k.at - self.offset[row], ..k })
    }
    /// Of margins to which the offsets have been added.
    fn means(&self, margin: &mut [f64]) {
        self.base.means(margin);
    }
    /// Of margins that grow without end, beside which an offset is nothing.
    fn settled(&self, target: f64, margin: &[f64]) -> bool {
        self.base.settled(self.target[Self::row(target)], margin)
    }
    fn recedes(&self, target: f64, t: &[f64], slack: f64) -> bool {
        self.base.recedes(self.target[Self::row(target)], t, slack)
    }
    fn wrong(&self, target: f64, margin: &[f64], slack: f64, to: &mut [bool]) -> bool {
        self.base.wrong(self.target[Self::row(target)], margin, slack, to)
    }
    fn astray(&self, target: f64, wrong: &[bool], to: &mut [f64]) {
        self.base.astray(self.target[Self::row(target)], wrong, to);
    }
    fn rare(&self) -> bool {
        self.base.rare()
    }
}
