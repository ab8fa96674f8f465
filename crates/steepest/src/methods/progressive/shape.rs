//! What stands for the Hessian, from how many rows, and what it costs.
use crate::state::{Bad, State, Visitor};
use crate::table::Table;

/// What stands for the Hessian.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Form {
    /// Its diagonal, where no matrix pays.
    #[default]
    Diagonal,
    /// Of several outputs, one matrix a direction among them.
    Turned,
    /// A matrix over all variables.
    Whole,
}

/// A form, and how many rows it is made from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape {
    /// The form.
    pub form: Form,
    /// Number of rows; unused by the diagonal form.
    pub rows: usize,
}

impl State for Shape {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        let mut form = self.form as usize;
        v.field("form", &mut form)?;
        let known =
            [Form::Diagonal, Form::Turned, Form::Whole].into_iter().find(|f| *f as usize == form);
        v.check("form", known.is_some(), "is no form")?;
        self.form = known.unwrap_or_default();
        v.field("rows", &mut self.rows)?;
        // Four times as many at a time, no further than all.
        v.check("rows", self.rows < 1 << 40, "are more than there can be")
    }
}

/// A matrix that costs more passes than this is not made: pairs round the diagonal need fewer.
const DEAR: f64 = 20.0;

/// What a metric is at first: the most telling that is not too dear.
pub fn shape(table: &Table, on_all: bool) -> Shape {
    let rows = matrix_rows(table, on_all);
    let of = |form| Shape { form, rows };
    // What is learnt beside the coefficients is as much a part of the metric as they are.
    let cheap = |shape: &Shape| price(table, *shape) <= DEAR || table.coupled();
    [of(Form::Whole), of(Form::Turned)].into_iter().find(cheap).unwrap_or(of(Form::Diagonal))
}

/// Rows of a matrix. On all rows: what a pass gains grows with them, and so does the Hessian's cost, which is to stay
/// below some passes (44: products run at about 60 GFLOP/s where memory is read at 25 GB/s).
pub fn matrix_rows(table: &Table, on_all: bool) -> usize {
    let (n, width) = (table.rows, table.width().max(1));
    let each = if on_all && table.margins() == 1 { (n / (16 * width)).clamp(50, 400) } else { 50 };
    (each * width).min((44 * n / width).max(8 * width))
}

/// Whether there is room for matrices of so many numbers: as much as the table takes, or a little.
pub fn fits(table: &Table, numbers: usize) -> bool {
    8 * numbers <= table.bytes.max(32 << 20)
}

/// How many matrices a metric has, and their width.
pub fn matrices(table: &Table, form: Form) -> (usize, usize) {
    match form {
        Form::Diagonal => (0, 0),
        Form::Turned => ((table.outputs - 1).max(1), table.width()),
        Form::Whole => (1, super::free(table)),
    }
}

/// What a metric costs, in passes.
pub fn price(table: &Table, shape: Shape) -> f64 {
    let (count, width) = matrices(table, shape.form);
    let rows = shape.rows.min(table.rows);
    passes(table, count as f64 * (rows + width) as f64 * (width as f64).powi(2))
}

/// As many passes as so many multiplications and additions take.
pub fn passes(table: &Table, flops: f64) -> f64 {
    // A pass reads memory, or multiplies each number twice for each output; however small the table, it has to begin
    // and end.
    let read = table.bytes as f64 * (1.0 / 25e9f64).max(table.outputs as f64 / (4.0 * 60e9));
    (flops / 60e9) / (read + 20e-6)
}
