//! A table as a method sees it: its size, and what can be asked about its rows.
//!
//! What is as long as the variables travels; what is as long as the rows stays with the rows, in slots. A method holds
//! the slots' numbers only. Rows are read one by one nowhere but among those that an objective holds: a few, named.
//!
//! Most answers are sums over the rows, so that whoever splits a table over workers adds (or joins, in the order of the
//! rows) what they answer: each question says how.
use std::ops::Range;

/// What is known of a table without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Table {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Numbers that a row's loss is of: its margins, and those that are learnt.
    pub outputs: usize,
    /// How many of them, the last, are learnt and the same for every row: each is a variable, behind those of the margins.
    pub learnt: usize,
    /// Whether a number added to all margins of a row changes nothing.
    pub level: bool,
    /// Whether the loss is made of straight parts.
    pub straight: bool,
    /// Whether each margin has an intercept, the last of its variables.
    pub intercept: bool,
    /// Whether rows are dense.
    pub dense: bool,
    /// Bytes that one read takes.
    pub bytes: usize,
    /// The sum of the rows' weights.
    pub total: f64,
    /// Whether rows have weights of their own: all are 1 where not.
    pub weighted: bool,
    /// How many rows can be held beside each other without a read of the table each time.
    pub holds: usize,
}

impl Table {
    /// Variables of one margin: a coefficient a column, and the intercept.
    pub fn width(&self) -> usize {
        self.columns + usize::from(self.intercept)
    }
    /// Margins of a row: outputs that are not learnt.
    pub fn margins(&self) -> usize {
        self.outputs - self.learnt
    }
    /// Whether its outputs are more than margins to which a number may be added, or one alone.
    pub fn coupled(&self) -> bool {
        self.outputs > 1 && !self.level
    }
    /// Variables of all outputs.
    pub fn dim(&self) -> usize {
        self.margins() * self.width() + self.learnt
    }
    /// The variable that is the same in every row, of each output that has one: its intercept, or what is learnt.
    pub fn constants(&self) -> impl Iterator<Item = Option<usize>> {
        let (width, margins, intercept) = (self.width(), self.margins(), self.intercept);
        let intercepts = (0..margins).map(move |o| intercept.then(|| (o + 1) * width - 1));
        intercepts.chain((0..self.learnt).map(move |a| Some(margins * width + a)))
    }
    /// Whether it is read anew each time, but for rows that are held.
    pub fn read_anew(&self) -> bool {
        self.holds < self.rows
    }
}

/// Some rows, as short runs, and the share of each of them in the mean.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Runs of rows, ascending.
    pub runs: Vec<Range<usize>>,
    /// One share a row, in order.
    pub share: Vec<f64>,
    rows: Vec<u32>,
}

impl Sample {
    /// Runs of rows, ascending, and one share a row.
    pub fn new(runs: Vec<Range<usize>>, share: Vec<f64>) -> Self {
        let rows: Vec<u32> = runs.iter().cloned().flatten().map(|i| i as u32).collect();
        assert_eq!(rows.len(), share.len(), "one share a row");
        Sample { runs, share, rows }
    }
    /// How many rows.
    pub fn len(&self) -> usize {
        self.share.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.share.is_empty()
    }
    /// The rows, in order.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }
}

/// Single rows, ascending, as runs.
pub fn joined(rows: &[u32]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for i in rows.iter().map(|&i| i as usize) {
        match runs.last_mut() {
            Some(r) if r.end == i => r.end += 1,
            _ => runs.push(i..i + 1),
        }
    }
    runs
}

/// Where margins of all rows (of a sample: of its rows) are kept, with the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot(pub u8);

/// Margins of all rows.
#[derive(Clone, Copy, Debug)]
pub enum Margins<'a> {
    /// Those in a slot.
    Kept(Slot),
    /// The same for every row: a number an output.
    Same(&'a [f64]),
}

/// What is summed over the losses of the rows, each times its share. With several outputs the curvature of a loss is
/// told by its probabilities p, as diag p − p p′.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sum {
    /// Σ share; the losses; then their slopes and then their curvatures by themselves, an output each.
    Losses,
    /// The squared slopes, the curvatures as a loss tells them, the losses.
    Spread,
    /// The traces of the curvatures.
    Traces,
    /// The curvatures of the chords down to where a loss is least (one output).
    Chords,
    /// The curvatures: a matrix over the outputs, row after row.
    Curvatures,
    /// The conjugates of the losses' Bregman distances at curvature · t, t what another slot keeps.
    Distances(Slot),
}

impl Sum {
    /// How many numbers.
    pub fn len(self, outputs: usize) -> usize {
        match self {
            Sum::Losses => 2 + 2 * outputs,
            Sum::Spread => 3,
            Sum::Traces | Sum::Chords | Sum::Distances(_) => 1,
            Sum::Curvatures => outputs * outputs,
        }
    }
}

/// What can be asked about the rows of a table. The first six read it, which is counted.
#[derive(Debug)]
pub enum OfRows<'a> {
    /// Keeps the margins of the point.
    Keep(Slot),
    /// Keeps Σ_j ((x_ij − centre_j) · inverse_j)² of each row.
    Far {
        /// By columns.
        centre: &'a [f64],
        /// By columns.
        inverse: &'a [f64],
    },
    /// The second derivatives times a vector where margins are as kept; the changes of the margins along it are kept too.
    Bent {
        /// Where.
        at: Slot,
        /// The vector.
        along: &'a [f64],
        /// The product. Added.
        to: &'a mut [f64],
        /// For the changes.
        keep: Slot,
    },
    /// Σ_i by_ik x_i of each output k, without shares, one vector after another. What is as long as the rows travels here:
    /// for tables of few rows. Added.
    Combined {
        /// A row's outputs side by side.
        by: &'a [f64],
        /// A number a column, for each output.
        to: &'a mut [f64],
    },
    /// Σ weight x and Σ weight x², by columns, of what is stored. Added.
    Moments {
        /// The first.
        sum: &'a mut [f64],
        /// The second.
        square: &'a mut [f64],
    },
    /// The first number that is not finite: row and column. The first of them.
    NotFinite(&'a mut Option<(usize, usize)>),
    /// All that is asked together with this is answered for a table of which some columns (ascending) are seen less a number
    /// each: what is far from 0 beside its own spread keeps its digits so.
    Less {
        /// Which.
        columns: &'a [u32],
        /// One each.
        by: &'a [f64],
    },
    /// Keeps the same margins for every row.
    Fill {
        /// Where.
        slot: Slot,
        /// A number an output.
        margins: &'a [f64],
    },
    /// Gives the room of a slot back.
    Free(Slot),
    /// Σ share · what is summed, at these margins. Added.
    Sum {
        /// What.
        of: Sum,
        /// Where.
        at: Margins<'a>,
        /// As many numbers as [`Sum::len`] says.
        to: &'a mut [f64],
    },
    /// Value, slope and curvature of the loss where margins are from + a (by − from) / length, as functions of a. Added.
    Along {
        /// Where a is 0.
        from: Slot,
        /// Where a is `length`.
        by: Margins<'a>,
        /// How far apart they are.
        length: f64,
        /// a.
        at: f64,
        /// The three.
        to: &'a mut [f64; 3],
    },
    /// Whether every row that counts is on its right side, so that its loss is 0 in the end as margins grow. All of them.
    Settled {
        /// Margins.
        at: Margins<'a>,
        /// Whether.
        to: &'a mut bool,
    },
    /// The largest margin, without its sign. The largest of them.
    Largest {
        /// Which margins.
        of: Slot,
        /// The largest.
        to: &'a mut f64,
    },
    /// Whether no row's loss grows as margins go on changing as kept without end, along a way. A change that is next to
    /// nothing beside the largest is rounding where it is next to nothing beside its own row's terms too.
    Recedes {
        /// The changes.
        by: Slot,
        /// The largest of all rows.
        largest: f64,
        /// The way that they belong to.
        way: &'a [f64],
        /// By columns: how exactly the way is known is told by Σ_j (|x_ij| + |centre_j|) / scale_j.
        centre: &'a [f64],
        /// By columns.
        scale: &'a [f64],
        /// Whether none grows, and whether some falls. All of them; any of them.
        to: &'a mut [bool; 2],
    },
    /// Rows that count and are not on their right side, by margins that are not 0 to `beyond`. Joined.
    Wrong {
        /// Margins.
        at: Slot,
        /// 0 for all.
        beyond: f64,
        /// How many there are.
        count: &'a mut usize,
        /// Of those the first named, and how many on from there the next is.
        every: (usize, usize),
        /// The rows. Each is named where the table begins.
        to: &'a mut Vec<u32>,
    },
    /// How many rows have a target above 0, and how many not; both 0 where the loss does not mind. Added.
    Sides(&'a mut [usize; 2]),
    /// The rows that have a target above 0, or those that have not, ascending. Joined.
    Side {
        /// Which.
        above: bool,
        /// The rows.
        to: &'a mut Vec<u32>,
    },
    /// The weights of some rows, ascending. Joined.
    Weights {
        /// The rows.
        of: &'a [u32],
        /// One a row.
        to: &'a mut [f64],
    },
    /// What rows are drawn by.
    Scores(Scores<'a>),
}

/// Rows drawn in proportion to share · curvature · (1 + distance²), the score.
#[derive(Debug)]
pub enum Scores<'a> {
    /// The largest of the distances that are kept, and their sum. The largest of them; added.
    Tails(&'a mut [f64; 2]),
    /// Keeps the scores at these margins, with the distances that are kept or as if all were alike.
    Keep {
        /// Margins.
        at: Slot,
        /// Whether with distances.
        far: bool,
    },
    /// Σ min(times · score, most). Added.
    Sum {
        /// A factor.
        times: f32,
        /// What is cut off.
        most: f32,
        /// The sum.
        to: &'a mut f64,
    },
    /// Draws rows whose chances are min(times · score, 1): one each time that their sum, from `sum` on, comes to 1.
    /// Joined; one goes on with the sum of the one before.
    Draw {
        /// A factor.
        times: f32,
        /// At least 0 and below 1; what it is in the end.
        sum: &'a mut f64,
        /// The places drawn.
        to: &'a mut Vec<u32>,
    },
    /// The scores of some places, ascending. Joined.
    Of {
        /// The places.
        places: &'a [u32],
        /// One each.
        to: &'a mut [f32],
    },
    /// Gives their room back.
    Free,
}

impl OfRows<'_> {
    /// Whether the table is read for it.
    pub fn reads(&self) -> bool {
        use OfRows::*;
        matches!(
            self,
            Keep(_) | Far { .. } | Bent { .. } | Combined { .. } | Moments { .. } | NotFinite(_)
        )
    }
    /// The same question, lent for a while.
    pub fn again(&mut self) -> OfRows<'_> {
        use OfRows::*;
        match self {
            Keep(slot) => Keep(*slot),
            Free(slot) => Free(*slot),
            Fill { slot, margins } => Fill { slot: *slot, margins },
            Far { centre, inverse } => Far { centre, inverse },
            Bent { at, along, to, keep } => Bent { at: *at, along, to, keep: *keep },
            Combined { by, to } => Combined { by, to },
            Less { columns, by } => Less { columns, by },
            Sum { of, at, to } => Sum { of: *of, at: *at, to },
            Along { from, by, length, at, to } => {
                Along { from: *from, by: *by, length: *length, at: *at, to }
            }
            Settled { at, to } => Settled { at: *at, to },
            Largest { of, to } => Largest { of: *of, to },
            Recedes { by, largest, way, centre, scale, to } => {
                Recedes { by: *by, largest: *largest, way, centre, scale, to }
            }
            Wrong { at, beyond, count, every, to } => {
                Wrong { at: *at, beyond: *beyond, count, every: *every, to }
            }
            Sides(to) => Sides(to),
            Side { above, to } => Side { above: *above, to },
            Weights { of, to } => Weights { of, to },
            Moments { sum, square } => Moments { sum, square },
            NotFinite(to) => NotFinite(to),
            Scores(scores) => Scores(scores.again()),
        }
    }
}

impl Scores<'_> {
    fn again(&mut self) -> Scores<'_> {
        use Scores::*;
        match self {
            Tails(to) => Tails(to),
            Keep { at, far } => Keep { at: *at, far: *far },
            Sum { times, most, to } => Sum { times: *times, most: *most, to },
            Draw { times, sum, to } => Draw { times: *times, sum, to },
            Of { places, to } => Of { places, to },
            Free => Free,
        }
    }
}
