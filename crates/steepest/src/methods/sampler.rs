//! Which terms of a mean a step looks at: batches with and without replacement, runs of neighbours, by importance.
use crate::numbers::random::Random;
use crate::settings::{Kind, Parameter};
use crate::state::Bad;
use crate::status::Halt;

/// Ways to draw batches, by name.
pub const NAMES: &[&str] = &["shuffle", "replacement", "blocks", "importance"];
const REPLACEMENT: usize = 1;
const BLOCKS: usize = 2;
const IMPORTANCE: usize = 3;

/// What batches are drawn for: streams of random numbers.
const EPOCHS: u32 = 1;

/// The setting that chooses one of [`NAMES`].
pub const SAMPLING: Parameter = Parameter {
    name: "sampling",
    default: 0.0,
    low: 0.0,
    high: (NAMES.len() - 1) as f64,
    kind: Kind::Choice(NAMES),
    doc: "How batches are drawn: `shuffle`, every term once an epoch in a new order (without replacement); `replacement`, each \
          from all terms; `blocks`, runs of neighbouring terms in a new order each epoch, which read along a table; `importance`, \
          batches that stay, drawn half alike and half by how much they change, and weighted so that the mean is right.",
};

/// Draws batches, epoch by epoch; the same of the same seed.
///
/// Importance is half of it uniform, which bounds the weights by 2: Needell, Srebro and Ward 2014,
/// <https://arxiv.org/abs/1310.5715>.
#[derive(Default)]
pub struct Sampler {
    how: usize,
    seed: u64,
    terms: usize,
    /// Whether batches stay the same from epoch to epoch.
    stay: bool,
    /// Terms a batch.
    pub size: usize,
    /// Epochs begun.
    pub epoch: u64,
    /// How much each batch matters, where that is known (else NaN) and asked for.
    scores: Vec<f64>,
    /// The terms in an order that is cut into batches; the batches in the order of this epoch.
    order: Vec<u32>,
    turns: Vec<u32>,
    /// How likely each batch is at a draw; empty where all are alike.
    chance: Vec<f64>,
}

// The rest follows from the number of the epoch and the seed.
crate::state!(Sampler { size, epoch, scores } but how, seed, terms, stay, order, turns, chance);

/// One batch.
pub struct Batch<'a> {
    /// Its terms.
    pub terms: &'a [u32],
    /// Which one it is, where batches stay.
    pub place: usize,
    /// What its mean is multiplied by, so that the mean over the draws is that of all terms.
    pub weight: f64,
}

impl Sampler {
    /// Of so many terms, drawn as the setting says; `stay` where batches must be the same in every epoch.
    pub fn new(how: f64, size: usize, terms: usize, seed: u64, stay: bool) -> Self {
        let how = how as usize;
        let stay = stay || how == BLOCKS || how == IMPORTANCE;
        Sampler { how, seed, terms, stay, size: size.clamp(1, terms), ..Sampler::default() }
    }
    /// Makes one that was loaded again, which knows its size, its epoch and its scores alone; it must be one of so many terms.
    pub fn again(&mut self, how: f64, terms: usize, seed: u64, stay: bool) -> Result<(), Halt> {
        let loaded = std::mem::take(self);
        *self =
            Sampler { epoch: loaded.epoch, ..Sampler::new(how, loaded.size, terms, seed, stay) };
        if self.size != loaded.size
            || !(loaded.scores.is_empty() || loaded.scores.len() == self.batches())
        {
            return Err(Halt::Failed(Box::new(Bad("'method.sampler' is of other terms".into()))));
        }
        self.scores = loaded.scores;
        Ok(())
    }
    /// Batches an epoch.
    pub fn batches(&self) -> usize {
        self.terms.div_ceil(self.size)
    }
    /// The part of all terms that a batch that stays has.
    pub fn share(&self, place: usize) -> f64 {
        (self.terms - place * self.size).min(self.size) as f64 / self.terms as f64
    }
    /// Draws the batches of the next epoch.
    pub fn begin(&mut self) {
        let (n, m) = (self.terms as u32, self.batches() as u32);
        let mut random = Random::new(self.seed, EPOCHS, self.epoch as u32, 0);
        self.epoch += 1;
        self.chance.clear();
        if !self.stay {
            self.order.clear();
            if self.how == REPLACEMENT {
                self.order.extend((0..n).map(|_| random.below(n)));
            } else {
                self.order.extend(0..n);
                random.shuffle(&mut self.order);
            }
            self.turns.clear();
            return self.turns.extend(0..m);
        }
        self.settle();
        self.turns.clear();
        let weighed = self.how == IMPORTANCE && self.weigh();
        match self.how {
            REPLACEMENT => self.turns.extend((0..m).map(|_| random.below(m))),
            IMPORTANCE if weighed => {
                let mut ends = self.chance.clone();
                (1..ends.len()).for_each(|j| ends[j] += ends[j - 1]);
                let draw = |u: f64| ends.partition_point(|e| *e <= u * ends[ends.len() - 1]) as u32;
                self.turns.extend((0..m).map(|_| draw(random.uniform()).min(m - 1)));
            }
            _ => {
                self.turns.extend(0..m);
                random.shuffle(&mut self.turns);
            }
        }
    }
    /// Cuts the terms into the batches that stay: neighbours, or any.
    fn settle(&mut self) {
        if self.order.is_empty() {
            self.order.extend(0..self.terms as u32);
            if self.how != BLOCKS {
                Random::new(self.seed, EPOCHS, 0, 1).shuffle(&mut self.order);
            }
        }
    }
    /// How likely each batch is by what is known; false where nothing is.
    fn weigh(&mut self) -> bool {
        let known = || self.scores.iter().filter(|s| s.is_finite());
        let mean = known().sum::<f64>() / known().count() as f64;
        if !(mean > 0.0) {
            return false;
        }
        let matters = |j: usize| if self.scores[j].is_finite() { self.scores[j] } else { mean };
        let all: f64 = (0..self.scores.len()).map(|j| self.share(j) * matters(j)).sum();
        let one = |j: usize| self.share(j) * (0.5 + 0.5 * matters(j) / all);
        self.chance = (0..self.scores.len()).map(one).collect();
        true
    }
    /// A batch of the epoch.
    pub fn batch(&self, turn: usize) -> Batch<'_> {
        let place = self.turns[turn] as usize;
        let weight = match self.chance.get(place) {
            Some(chance) => self.share(place) / chance,
            None if self.stay => self.share(place) * self.batches() as f64,
            None => 1.0,
        };
        Batch { weight, ..self.at(place) }
    }
    /// A batch that stays, by its place.
    pub fn fixed(&mut self, place: usize) -> Batch<'_> {
        self.settle();
        self.at(place)
    }
    fn at(&self, place: usize) -> Batch<'_> {
        let end = ((place + 1) * self.size).min(self.terms);
        Batch { terms: &self.order[place * self.size..end], place, weight: 1.0 }
    }
    /// Says how much a batch matters, where that is asked for.
    pub fn saw(&mut self, place: usize, score: f64) {
        if self.how == IMPORTANCE {
            let batches = self.batches();
            self.scores.resize(batches, f64::NAN);
            self.scores[place] = score;
        }
    }
    /// Makes batches so many times larger.
    pub fn grow(&mut self, by: usize) {
        self.size = self.size.saturating_mul(by).min(self.terms);
        self.scores.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Terms that an epoch goes through, and the mean that its weights make of the numbers of the terms.
    fn epoch(s: &mut Sampler, value: impl Fn(u32) -> f64) -> (Vec<u32>, f64) {
        s.begin();
        let (mut all, mut mean) = (Vec::new(), 0.0);
        for turn in 0..s.batches() {
            let b = s.batch(turn);
            let of = b.terms.iter().map(|&i| value(i)).sum::<f64>() / b.terms.len() as f64;
            mean += b.weight * of / s.batches() as f64;
            all.extend(b.terms);
        }
        (all, mean)
    }

    #[test]
    fn without_replacement_each_term_comes_once_an_epoch() {
        for (how, stay) in [(0.0, false), (0.0, true), (2.0, false)] {
            let mut s = Sampler::new(how, 7, 100, 3, stay);
            let (first, second) = (epoch(&mut s, f64::from).0, epoch(&mut s, f64::from).0);
            assert_ne!(first, second, "another order");
            for mut all in [first, second] {
                all.sort_unstable();
                assert!(all.iter().enumerate().all(|(i, &v)| i as u32 == v));
            }
        }
        let mut blocks = Sampler::new(2.0, 10, 100, 3, false);
        blocks.begin();
        assert!((0..10).all(|t| blocks.batch(t).terms.windows(2).all(|w| w[1] == w[0] + 1)));
    }

    /// The mean over many epochs is that of all terms, whatever the chances: of 101 terms in batches of 10 the last has one.
    #[test]
    fn every_way_is_right_on_average() {
        let value = |i: u32| f64::from(i).powi(2);
        let right = (0..101).map(value).sum::<f64>() / 101.0;
        for how in 0..NAMES.len() {
            let mut s = Sampler::new(how as f64, 10, 101, 5, true);
            let mut mean = 0.0;
            for _ in 0..4000 {
                for place in 0..s.batches() {
                    s.saw(place, 1.0 + place as f64);
                }
                mean += epoch(&mut s, value).1 / 4000.0;
            }
            assert!((mean / right - 1.0).abs() < 0.01, "{}: {mean} of {right}", NAMES[how]);
        }
    }

    #[test]
    fn what_matters_more_is_drawn_more_often() {
        let mut s = Sampler::new(IMPORTANCE as f64, 1, 10, 1, false);
        let mut drawn = [0.0f64; 10];
        for _ in 0..2000 {
            (0..10).for_each(|j| s.saw(j, if j == 4 { 9.0 } else { 0.0 }));
            s.begin();
            for turn in 0..10 {
                let b = s.batch(turn);
                assert!(b.weight <= 2.0);
                drawn[b.place] += 1.0 / 20_000.0;
            }
        }
        assert!((drawn[4] - 0.55).abs() < 0.01 && (drawn[3] - 0.05).abs() < 0.01, "{drawn:?}");
    }
}
