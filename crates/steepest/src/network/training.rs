//! A rule over mini-batches of rows, in the precision of the network: epochs, held-out rows, the best weights.
//!
//! What [`ruled`](crate::methods::ruled) does for any objective, less what a network cannot pay for: the whole table is looked
//! at nowhere, held-out rows at the end of an epoch only. So nothing is claimed but how it ended.
use super::Network;
use super::data::{Examples, Head, Picked};
use super::passes::{Dropping, Number, Passes};
use crate::chain::{self, Chain, split};
use crate::numbers::random::Random;
use crate::rate;
use crate::rule::{self, Moment, Scope};
use crate::status::{Budget, Halt, Status};
use crate::watch::{Counts, Progress, Watch};
use judged::null;
use std::error::Error;
use std::time::{Duration, Instant};

mod judged;
mod memory;
pub use judged::{Score, judge};
pub use memory::Memory;

/// How a network is trained.
pub struct Training {
    /// The rules, from a [`plan`](crate::chain::plan).
    pub rules: Vec<(&'static rule::Entry, Vec<f64>)>,
    /// The rate before the schedule.
    pub rate: f64,
    /// How it changes over the epochs, with its settings.
    pub schedule: Option<(&'static rate::Entry, Vec<f64>)>,
    /// Rows a step.
    pub batch: usize,
    /// Rounds through all rows at most.
    pub epochs: u64,
    /// Whether rows come in another order each time.
    pub shuffle: bool,
    /// Of their order, and of what is dropped.
    pub seed: u64,
    /// ½ decay ‖W‖² is added to the mean loss of a batch; `per_row` divides it by what
    /// the losses of the batch are divided by: its rows, times their mean weight.
    pub decay: f64,
    /// See [`decay`](Self::decay).
    pub per_row: bool,
    /// It stops once so many epochs in a row brought less than the tolerance; none: it goes through all.
    pub patience: Option<u64>,
    /// See [`patience`](Self::patience).
    pub tolerance: f64,
    /// How steps become shorter beside the schedule.
    pub falling: Option<Falling>,
    /// What the losses of a batch are divided by: the weights of its rows, or its rows times the mean weight of all. The
    /// first is scikit-learn's; by the second, the mean over the batches is the mean over all rows.
    pub own_weights: bool,
    /// Seconds at most.
    pub seconds: f64,
}

/// How steps become shorter from epoch to epoch: a gradient is divided before the rules see it, so that a velocity keeps what
/// went into it, as in scikit-learn. It is for rules whose steps are as long as the gradient says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Falling {
    /// From the second epoch on, divided by a power of 1 and the rows gone through.
    Power {
        /// The power.
        power: f64,
        /// Rows gone through before the run began.
        before: f64,
    },
    /// Where patience is at its end it is divided by more, and the run ends only if what is left of the rate is not above the
    /// least.
    Idle {
        /// By how much more.
        by: f64,
        /// See above.
        least: f64,
    },
}

/// An epoch.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    /// The mean of the batches' losses, as they were when they came.
    pub loss: f64,
    /// What held-out rows say; NaN where there are none.
    pub score: f64,
    /// The last rate.
    pub rate: f64,
    /// Seconds since it began.
    pub seconds: f64,
}

/// What came of it.
pub struct Trained<N> {
    /// The best parameters by the held-out rows, or the last.
    pub x: Vec<N>,
    /// How it ended.
    pub status: Status,
    /// Its epochs.
    pub epochs: Vec<Epoch>,
    /// The epoch whose parameters these are, from 1; 0 where they are of before this run.
    pub best: usize,
    /// What was spent.
    pub counts: Counts,
    /// For another run to go on with.
    pub memory: Memory<N>,
}

/// Random numbers for the order of rows, apart from those of other uses.
const ORDER: u32 = 12;
/// Coordinates that a rule moves on as one tensor, where it does not look at tensors.
const PIECE: usize = 16 * 1024;
/// How many times as large as at the start, or as where every output is 0, the loss is where training has diverged.
const FAR: f64 = 1e3;
const POLL: Duration = Duration::from_millis(40);

/// The tensors that a chain sees: where no rule looks at them, even pieces, which share out better.
fn shapes(network: &Network, rules: &[(&'static rule::Entry, Vec<f64>)]) -> Vec<Vec<usize>> {
    let tensors = network.tensors();
    let looks = |e: &rule::Entry| {
        let own = e.scope == Scope::Tensor && !(e.sums.is_empty() && e.state.is_empty());
        own || tensors.iter().any(|shape| e.takes_whole(shape))
    };
    if rules.iter().any(|(e, _)| looks(e)) {
        return tensors;
    }
    let piece = |from| vec![PIECE.min(network.dim() - from)];
    (0..network.dim()).step_by(PIECE).map(piece).collect()
}

/// A run under way.
struct Underway<'a, N: Number + rule::Compiled> {
    training: &'a Training,
    data: &'a Examples<'a, N>,
    head: &'a Head,
    passes: Passes<N>,
    chain: Chain<N>,
    shapes: Vec<Vec<usize>>,
    memory: Memory<N>,
    gradient: Vec<N>,
    /// Where a second gradient is asked.
    place: Vec<N>,
    order: Vec<u32>,
    /// Mean weight of a row.
    mean: f64,
    /// Of the last step, and what its gradient was divided by.
    rate: f64,
    /// See `rate`.
    fallen: f64,
    /// Epochs and steps of before.
    begun: (u64, u64),
    /// How large losses are where nothing is learnt.
    null: f64,
    started: Instant,
    polled: Instant,
}

impl<N: Number + rule::Compiled> Underway<'_, N> {
    /// The rate of the next step, `done` of the run being behind.
    fn scheduled(&self, done: f64) -> f64 {
        let Memory { step, schedule, .. } = &self.memory;
        let factor = |(e, settings): &(&'static rate::Entry, Vec<f64>)| {
            (e.factor)(settings, done, (step + 1) as f64, schedule)
        };
        self.training.rate * self.training.schedule.as_ref().map_or(1.0, factor)
    }
    /// What gradients are divided by from here on.
    fn falls(&self) -> f64 {
        let epoch = self.memory.epoch as f64;
        match self.training.falling {
            Some(Falling::Power { power, before }) if epoch > 0.0 => {
                (before + epoch * self.data.rows as f64 + 1.0).powf(power)
            }
            _ => self.memory.cut,
        }
    }
    /// One step over some rows; the loss there.
    fn step(&mut self, from: usize, to: usize, done: f64) -> Result<f64, Status> {
        let Training { decay, per_row, own_weights, seed, .. } = *self.training;
        (self.rate, self.fallen) = (self.scheduled(done), self.falls());
        let (rate, fallen) = (self.rate, self.fallen);
        let rows = Picked::Named(&self.order[from..to]);
        let weight = match own_weights {
            true => (0..rows.len()).map(|i| self.data.weight(rows.row(i))).sum(),
            false => rows.len() as f64 * self.mean,
        };
        // Rows of no weight say nothing.
        let scale = if weight > 0.0 { 1.0 / weight } else { 0.0 };
        let decay = if per_row { decay * scale } else { decay } / fallen;
        let scale = scale / fallen;
        let Memory { x, tensors, state, step, first, .. } = &mut self.memory;
        let dropping = Some(Dropping { seed, step: *step as u32 });
        let (passes, data, head) = (&mut self.passes, self.data, self.head);
        let ask = |passes: &mut Passes<N>, x: &[N], g: &mut [N]| {
            passes.gradient(x, data, head, rows, scale, decay, dropping, g)
        };
        let value = fallen * ask(passes, x, &mut self.gradient);
        if !value.is_finite() && first.is_nan() {
            return Err(Status::NotFinite(format!(
                "the loss of the first batch is {value} where training begins: columns, targets or weights are too large for the precision"
            )));
        }
        if !value.is_finite() {
            return Err(Status::Diverged);
        }
        if first.is_nan() {
            *first = value;
        }
        *step += 1;
        passes.follow(x, *step);
        let at = Moment { step: *step, rate, value, before: 0 };
        if self.chain.asks_twice() {
            self.place.resize(self.gradient.len(), N::default());
            let mut here = chain::tensors(&self.shapes, x, &self.gradient, tensors);
            self.chain.place(at, &mut here, state, &mut split(&self.shapes, &mut self.place));
            ask(passes, &self.place, &mut self.gradient);
        }
        let mut here = chain::tensors(&self.shapes, x, &self.gradient, tensors);
        self.chain.step(at, &mut here, state);
        Ok(value)
    }
    /// The point to look at.
    fn shown(&mut self, to: &mut Vec<N>) {
        let Memory { x, tensors, state, step, .. } = &mut self.memory;
        to.clone_from(x);
        if !self.chain.shows() {
            return;
        }
        let at = Moment { step: *step, rate: self.rate, value: f64::NAN, before: 0 };
        let tensors = chain::tensors(&self.shapes, x, &self.gradient, tensors);
        self.chain.shown(at, &tensors, state, &mut split(&self.shapes, to));
    }
    /// An epoch, or the rest of one; the mean loss.
    fn epoch(&mut self, watch: &mut dyn Watch) -> Result<f64, Halt> {
        let Training { batch, epochs, shuffle, seed, seconds, .. } = *self.training;
        let (n, epoch) = (self.data.rows, self.memory.epoch);
        if shuffle {
            self.order.clear();
            self.order.extend(0..n as u32);
            Random::new(seed, ORDER, epoch as u32, 0).shuffle(&mut self.order);
        }
        while self.memory.rows < n {
            let from = self.memory.rows;
            let to = (from + batch).min(n);
            let done = (epoch as f64 + from as f64 / n as f64) / epochs as f64;
            let value = self.step(from, to, done.min(1.0)).map_err(Halt::Status)?;
            self.memory.sum += value * (to - from) as f64;
            self.memory.rows = to;
            let now = Instant::now();
            if now - self.polled >= POLL {
                self.polled = now;
                watch.poll()?;
                if (now - self.started).as_secs_f64() >= seconds {
                    return Err(Halt::Budget(Budget::Seconds));
                }
            }
        }
        self.memory.epoch += 1;
        self.memory.rows = 0;
        Ok(std::mem::take(&mut self.memory.sum) / n as f64)
    }
    /// The last rate, as its gradient was divided.
    fn length(&self) -> f64 {
        self.rate / self.fallen
    }
    /// What this run spent.
    fn spent(&self) -> Counts {
        let (epochs, steps) = (self.memory.epoch - self.begun.0, self.memory.step - self.begun.1);
        let each = if self.chain.asks_twice() { 2 } else { 1 };
        let passes = epochs as f64;
        Counts { iterations: epochs, gradients: each * steps, passes, ..Counts::default() }
    }
    /// Whether such a mean loss is that of a run that diverges.
    fn far(&self, loss: f64) -> bool {
        let most = FAR * self.memory.first.abs().max(self.null);
        !(loss.abs() < f64::INFINITY && loss <= most)
    }
}

/// Trains a network: from its start on, or from where a memory stands.
#[allow(clippy::too_many_arguments)]
pub fn train<N: Number + rule::Compiled>(
    network: &Network,
    training: &Training,
    data: &Examples<'_, N>,
    head: &Head,
    held: Option<(&Examples<'_, N>, Score)>,
    mut memory: Memory<N>,
    watch: &mut dyn Watch,
) -> Result<Trained<N>, Box<dyn Error + Send + Sync>> {
    refuse(network, training, data, head)?;
    let (chain, shapes) = (Chain::new(&training.rules), shapes(network, &training.rules));
    let zeros = |shape: Vec<usize>| vec![N::default(); shape.iter().product()];
    let empty = |s: &Vec<usize>| chain.memory(s).into_iter().map(zeros).collect();
    let tensors: Vec<Vec<Vec<N>>> = shapes.iter().map(empty).collect();
    let state = chain.state(shapes.len());
    let schedule = training.schedule.as_ref().map_or(0, |(e, _)| e.state.len());
    if memory.tensors.is_empty() && memory.step == 0 {
        (memory.tensors, memory.state) = (tensors, vec![0.0; state]);
        memory.schedule = vec![0.0; schedule];
    } else {
        let lengths = |t: &[Vec<Vec<N>>]| -> Vec<Vec<usize>> {
            t.iter().map(|t| t.iter().map(Vec::len).collect()).collect()
        };
        let alike = lengths(&memory.tensors) == lengths(&tensors) && memory.state.len() == state;
        if !alike || memory.schedule.len() != schedule {
            return Err("the memory is of other rules, or of another schedule".into());
        }
    }
    if memory.x.len() != network.size() {
        let (n, got) = (network.size(), memory.x.len());
        return Err(format!("the network has {n} parameters; got {got}").into());
    }
    if memory.rows > data.rows || !(memory.best.is_empty() || memory.best.len() == network.size()) {
        return Err("the memory is of another table, or of another network".into());
    }
    let begun = (memory.epoch, memory.step);
    let now = Instant::now();
    let most = training.batch.min(data.rows).max(held.map_or(0, |(d, _)| d.rows.min(480)));
    let mut run = Underway {
        training,
        data,
        head,
        passes: Passes::new(network, most, Some(head)),
        chain,
        shapes,
        memory,
        gradient: vec![N::default(); network.dim()],
        place: Vec::new(),
        order: (0..data.rows as u32).collect(),
        mean: data.total() / data.rows as f64,
        rate: training.rate,
        fallen: 1.0,
        begun,
        null: null(data, head),
        started: now,
        polled: now,
    };
    let mut kept = Foremost { x: Vec::new(), at: 0, epochs: Vec::new() };
    kept.x.clone_from(if run.memory.best.is_empty() { &run.memory.x } else { &run.memory.best });
    let status = loop {
        if run.memory.epoch >= training.epochs {
            break Status::Budget(Budget::Epochs);
        }
        match one(&mut run, &mut kept, held, watch) {
            Ok(None) => {}
            Ok(Some(status)) => break status,
            Err(Halt::Stopped) => break Status::Stopped,
            Err(Halt::Budget(budget)) => break Status::Budget(budget),
            Err(Halt::Status(status)) => break status,
            Err(Halt::Failed(error)) => return Err(error),
        }
    };
    if held.is_none() && !matches!(status, Status::Diverged | Status::NotFinite(_)) {
        run.shown(&mut kept.x);
        kept.at = kept.epochs.len();
    }
    let counts = run.spent();
    let Foremost { x, at, epochs } = kept;
    Ok(Trained { x, status, epochs, best: at, counts, memory: run.memory })
}

/// What a run hands over.
struct Foremost<N> {
    x: Vec<N>,
    /// The number of its epoch, from 1.
    at: usize,
    epochs: Vec<Epoch>,
}

/// An epoch and what is said after it.
fn one<N: Number + rule::Compiled>(
    run: &mut Underway<'_, N>,
    kept: &mut Foremost<N>,
    held: Option<(&Examples<'_, N>, Score)>,
    watch: &mut dyn Watch,
) -> Result<Option<Status>, Halt> {
    let loss = run.epoch(watch)?;
    if run.far(loss) {
        return Ok(Some(Status::Diverged));
    }
    let mut shown = Vec::new();
    run.shown(&mut shown);
    let judged = |(data, score): (&Examples<'_, N>, Score)| {
        judge(&mut run.passes, &shown, data, run.head, score)
    };
    let told = held.map(judged);
    let score = told.unwrap_or(-loss);
    let seconds = run.started.elapsed().as_secs_f64();
    kept.epochs.push(Epoch { loss, score: told.unwrap_or(f64::NAN), rate: run.length(), seconds });
    if let Some((e, settings)) = &run.training.schedule {
        (e.look)(settings, loss, &mut run.memory.schedule);
    }
    let memory = &mut run.memory;
    // An epoch that brings just the tolerance counts as gain, as it does in scikit-learn.
    memory.idle = if score >= memory.score + run.training.tolerance { 0 } else { memory.idle + 1 };
    if score > memory.score {
        memory.score = score;
        if held.is_some() {
            (kept.at, kept.x) = (kept.epochs.len(), shown.clone());
            memory.best.clone_from(&shown);
        }
    }
    let x: Vec<f64> = shown.iter().map(|x| x.to_f64()).collect();
    watch.iteration(&Progress {
        counts: run.spent(),
        value: loss,
        residual: f64::NAN,
        rate: run.length(),
        seconds,
        x: &x,
    })?;
    if run.training.patience.is_none_or(|most| run.memory.idle <= most) {
        return Ok(None);
    }
    if let Some(Falling::Idle { by, least }) = run.training.falling
        && run.training.rate / run.memory.cut > least
    {
        (run.memory.cut, run.memory.idle) = (run.memory.cut * by, 0);
        return Ok(None);
    }
    Ok(Some(if held.is_some() { Status::HeldOut } else { Status::Plateau }))
}

/// What cannot be trained, in words.
fn refuse<N: Number>(
    network: &Network,
    training: &Training,
    data: &Examples<'_, N>,
    head: &Head,
) -> Result<(), String> {
    if head.outputs != network.outputs() {
        let (k, n) = (head.outputs, network.outputs());
        return Err(format!("the loss is of {k} outputs, and the network has {n}"));
    }
    if network.gathers().next().is_some() && training.batch.min(data.rows) < 2 {
        return Err("batch normalisation needs at least two rows a batch".into());
    }
    if data.rows == 0 || training.batch == 0 {
        return Err("training needs at least one row, and one row a batch".into());
    }
    if !(data.total() > 0.0 && data.total().is_finite()) {
        return Err("the weights of the rows must add up to more than 0".into());
    }
    if data.rows > u32::MAX as usize {
        return Err(format!("training takes at most {} rows; got {}", u32::MAX, data.rows));
    }
    if !(training.rate > 0.0 && training.rate.is_finite()) {
        return Err(format!("the rate must be above 0; got {}", training.rate));
    }
    Ok(())
}
