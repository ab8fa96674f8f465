//! Networks: layers of sums and activations, whose parameters lie in one vector.
//!
//! [`Network`] says how numbers go through; [`passes`] takes rows through it and slopes back; [`Supervised`] is its loss over
//! a table, an objective like any other; [`training`] goes down it by a rule over mini-batches, in single precision too.
use crate::activation::Activity;
use crate::activations;
use crate::initialise::{self, Initialiser};
use crate::numbers::random::Random;

pub mod data;
mod objective;
pub mod passes;
mod room;
pub mod training;
pub use data::{Examples, Head};
pub use objective::Supervised;

/// A layer, as it is asked for.
#[derive(Clone)]
pub enum Layer {
    /// activation(x W + b), W with a row for each input.
    Dense {
        /// Units.
        outputs: usize,
        /// What it makes of its sums.
        activation: Activity,
        /// How W begins; none: as suits the activation.
        initialiser: Option<&'static Initialiser>,
    },
    /// While it is trained, each number is 0 with this chance, and the others are larger by as much as makes up for it.
    Dropout(f64),
    /// Each row less its mean, over its standard deviation, then times a gain and with a shift for each column.
    ///
    /// Ba, Kiros and Hinton 2016, <https://arxiv.org/abs/1607.06450>.
    LayerNorm,
    /// Each column less its mean over the rows of the batch, over its standard deviation there, then times a gain and with a
    /// shift. Rows that are only asked take the running means and variances of the batches that were learnt from, which lie
    /// behind the parameters. A row counts by its weight.
    ///
    /// Ioffe and Szegedy 2015, <https://arxiv.org/abs/1502.03167>.
    BatchNorm,
    /// The first layer where some columns are codes, whole numbers from 0 on: each becomes numbers that are learnt, a row of
    /// a table by its code, behind the columns that are numbers already. A code beyond the last level is the last.
    ///
    /// Guo and Berkhahn 2016, <https://arxiv.org/abs/1604.06737>.
    Embedding(Vec<Coded>),
    /// What these layers make of a row is added to the row: as many numbers come out as go in.
    ///
    /// He, Zhang, Ren and Sun 2016, <https://arxiv.org/abs/1512.03385>.
    Residual(Vec<Layer>),
}

/// A column of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coded {
    /// Which of the inputs.
    pub column: usize,
    /// How many codes there are.
    pub levels: usize,
    /// How many numbers each becomes.
    pub width: usize,
}

/// A dense layer, by the name of its activation.
pub fn dense(outputs: usize, activation: &str) -> Result<Layer, String> {
    Ok(Layer::Dense {
        outputs,
        activation: activations::named(activation, &[])?,
        initialiser: None,
    })
}

/// What is done on the way: reads one buffer, writes the next.
#[derive(Clone)]
pub(crate) struct Operation {
    pub kind: Kind,
    /// The buffer that it reads; the input is 0, and operation i writes i + 1.
    pub source: usize,
    /// Its parameters begin here.
    pub at: usize,
    /// Whether slopes at its source are there already when it is met on the way back.
    pub adds: bool,
}

#[derive(Clone)]
pub(crate) enum Kind {
    Dense {
        activation: Activity,
        initialiser: &'static Initialiser,
    },
    Dropout(f64),
    LayerNorm,
    /// Where its running means begin behind the parameters; the variances follow.
    BatchNorm(usize),
    /// Columns that are codes, and those that are not.
    Embedding {
        codes: Vec<Coded>,
        numbers: Vec<usize>,
    },
    /// Adds another buffer; and whether slopes are there already.
    Add {
        other: usize,
        adds: bool,
    },
}

/// Layers one after another, and where their parameters lie.
#[derive(Clone)]
pub struct Network {
    pub(crate) operations: Vec<Operation>,
    /// Numbers of a row in each buffer.
    pub(crate) widths: Vec<usize>,
    dim: usize,
    /// Running means and variances.
    running: usize,
}

/// More parameters are in no memory.
const MOST: usize = isize::MAX as usize / 16;

fn more() -> String {
    format!("a network has at most {MOST} parameters: take fewer units")
}

/// Random numbers for the weights, apart from those of other uses.
const WEIGHTS: u32 = 11;

impl Network {
    /// From so many inputs through these layers.
    pub fn new(inputs: usize, layers: &[Layer]) -> Result<Self, String> {
        let mut network =
            Network { operations: Vec::new(), widths: vec![inputs], dim: 0, running: 0 };
        if inputs == 0 {
            return Err("a network needs at least one input; got none".into());
        }
        network.build(layers, 0)?;
        if !network.operations.iter().any(|o| matches!(o.kind, Kind::Dense { .. })) {
            return Err("a network needs at least one dense layer; got none".into());
        }
        network.way_back();
        Ok(network)
    }
    /// Layers behind a buffer; where they end.
    fn build(&mut self, layers: &[Layer], from: usize) -> Result<usize, String> {
        let mut source = from;
        for layer in layers {
            let width = self.widths[source];
            source = match layer {
                Layer::Dense { outputs: 0, .. } => {
                    return Err("a layer needs at least one unit; got 0".into());
                }
                Layer::Dense { outputs, activation, initialiser } => {
                    let suits = || initialise::find(activation.entry.initialiser);
                    let initialiser = initialiser.map_or_else(suits, Ok)?;
                    let kind = Kind::Dense { activation: activation.clone(), initialiser };
                    let weights = width.checked_mul(*outputs).and_then(|w| w.checked_add(*outputs));
                    self.push(kind, source, *outputs, weights)?
                }
                Layer::Dropout(chance) if !(0.0..1.0).contains(chance) => {
                    return Err(format!("dropout must be at least 0 and below 1; got {chance}"));
                }
                Layer::Dropout(chance) if *chance == 0.0 => source,
                Layer::Dropout(chance) => {
                    self.push(Kind::Dropout(*chance), source, width, Some(0))?
                }
                Layer::Embedding(codes) => self.embed(codes, source)?,
                Layer::LayerNorm => {
                    self.push(Kind::LayerNorm, source, width, width.checked_mul(2))?
                }
                Layer::BatchNorm => {
                    let kind = Kind::BatchNorm(self.running);
                    let end = self.push(kind, source, width, width.checked_mul(2))?;
                    self.running += 2 * width;
                    end
                }
                Layer::Residual(inner) => {
                    let end = self.build(inner, source)?;
                    if self.widths[end] != width {
                        return Err(format!(
                            "a residual link needs as many numbers after its layers as before; got {} and {width}",
                            self.widths[end]
                        ));
                    }
                    self.push(Kind::Add { other: source, adds: false }, end, width, Some(0))?
                }
            };
        }
        Ok(source)
    }
    fn embed(&mut self, codes: &[Coded], source: usize) -> Result<usize, String> {
        let inputs = self.widths[0];
        if source > 0 {
            return Err("an embedding must be the first layer: codes are inputs".into());
        }
        for (i, code) in codes.iter().enumerate() {
            let Coded { column, levels, width } = *code;
            if column >= inputs || codes[..i].iter().any(|c| c.column == column) {
                return Err(format!(
                    "an embedding needs a column below {inputs}, once; got {column}"
                ));
            }
            if levels == 0 || width == 0 {
                return Err(format!(
                    "an embedding needs at least one level and one number each; got {levels} and {width} for column {column}"
                ));
            }
        }
        let plain = |j: &usize| codes.iter().all(|c| c.column != *j);
        let numbers: Vec<usize> = (0..inputs).filter(plain).collect();
        let wide = |sum: usize, c: &Coded| sum.checked_add(c.width);
        let width = codes.iter().try_fold(numbers.len(), wide).ok_or_else(more)?;
        let table = |sum: usize, c: &Coded| sum.checked_add(c.levels.checked_mul(c.width)?);
        let parameters = codes.iter().try_fold(0, table);
        self.push(Kind::Embedding { codes: codes.to_vec(), numbers }, source, width, parameters)
    }
    fn push(
        &mut self,
        kind: Kind,
        source: usize,
        width: usize,
        parameters: Option<usize>,
    ) -> Result<usize, String> {
        let dim = parameters.and_then(|p| self.dim.checked_add(p)).filter(|&dim| dim <= MOST);
        let at = std::mem::replace(&mut self.dim, dim.ok_or_else(more)?);
        self.operations.push(Operation { kind, source, at, adds: false });
        self.widths.push(width);
        Ok(self.operations.len())
    }
    /// Finds out who is the first to leave slopes at each buffer.
    fn way_back(&mut self) {
        let mut seen = vec![false; self.widths.len()];
        for operation in self.operations.iter_mut().rev() {
            if let Kind::Add { other, adds } = &mut operation.kind {
                *adds = std::mem::replace(&mut seen[*other], true);
            }
            operation.adds = std::mem::replace(&mut seen[operation.source], true);
        }
    }
    /// Numbers that go in.
    pub fn inputs(&self) -> usize {
        self.widths[0]
    }
    /// Numbers that come out.
    pub fn outputs(&self) -> usize {
        self.widths[self.widths.len() - 1]
    }
    /// Parameters.
    pub fn dim(&self) -> usize {
        self.dim
    }
    /// Numbers in all: the parameters, and behind them the running means and variances of batch normalisation.
    pub fn size(&self) -> usize {
        self.dim + self.running
    }
    /// Which operations need all rows of a batch before one can go on.
    pub(crate) fn gathers(&self) -> impl DoubleEndedIterator<Item = usize> {
        let all = self.operations.iter().enumerate();
        all.filter(|(_, o)| matches!(o.kind, Kind::BatchNorm(_))).map(|(i, _)| i)
    }
    /// Lengths of the tensors that the parameters are, in order: of a dense layer W and b, of a normalised one gain
    /// and shift, of codes a table each.
    pub fn tensors(&self) -> Vec<Vec<usize>> {
        let mut all = Vec::new();
        for (i, operation) in self.operations.iter().enumerate() {
            let (before, after) = (self.widths[operation.source], self.widths[i + 1]);
            match &operation.kind {
                Kind::Dense { .. } => all.extend([vec![before, after], vec![after]]),
                Kind::Embedding { codes, .. } => {
                    all.extend(codes.iter().map(|c| vec![c.levels, c.width]));
                }
                Kind::LayerNorm | Kind::BatchNorm(_) => all.extend([vec![after], vec![after]]),
                _ => {}
            }
        }
        all
    }
    /// Where the weights of dense layers lie.
    pub(crate) fn weights(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let dense = self
            .operations
            .iter()
            .enumerate()
            .filter(|(_, o)| matches!(o.kind, Kind::Dense { .. }));
        dense.map(|(i, o)| o.at..o.at + self.widths[o.source] * self.widths[i + 1])
    }
    /// Numbers to begin with: weights drawn, gains and running variances 1, everything else 0.
    pub fn start(&self, seed: u64) -> Vec<f64> {
        let mut x = vec![0.0; self.size()];
        for (i, operation) in self.operations.iter().enumerate() {
            let (before, after) = (self.widths[operation.source], self.widths[i + 1]);
            let here = &mut x[operation.at..];
            match &operation.kind {
                Kind::Dense { initialiser, .. } => {
                    let mut random = Random::new(seed, WEIGHTS, 0, i as u32);
                    initialiser.fill(&mut random, &mut here[..before * after], before, after);
                }
                Kind::Embedding { codes, .. } => {
                    let mut random = Random::new(seed, WEIGHTS, 0, i as u32);
                    let mut from = 0;
                    for code in codes {
                        let by = 1.0 / (code.width as f64).sqrt();
                        let table = &mut here[from..from + code.levels * code.width];
                        table.iter_mut().for_each(|w| *w = by * random.normal());
                        from += table.len();
                    }
                }
                Kind::LayerNorm | Kind::BatchNorm(_) => here[..after].fill(1.0),
                _ => {}
            }
            if let Kind::BatchNorm(running) = operation.kind {
                x[self.dim + running + after..][..after].fill(1.0);
            }
        }
        x
    }
}
