//! Columns that hardly vary in a sample: a level met in few rows seems to separate them, and would run away.
use crate::held::Held;
use crate::scaling::Scaling;
use crate::table::Table;

/// A column that differs from its usual value in fewer rows than this has no support in a sample.
const FEW: usize = 20;
/// Rows looked at to find such columns.
const LOOK: usize = 64;

/// What the penalty needs to gain on a sample: for a column that differs from its usual value in 1..19 rows the
/// curvature of one more row, in standardised variables; 0 for all others.
pub fn support(held: &Held<'_>, table: &Table, scaling: &Scaling) -> Vec<f64> {
    let (n, k, width) = (held.len(), table.outputs, table.width());
    let mut more = vec![0.0; k * width];
    let (columns, usual) = mostly_constant(held);
    if columns.is_empty() {
        return more;
    }
    let (mut count, mut far) = (vec![0usize; columns.len()], vec![0.0f64; columns.len()]);
    let mut block = Vec::new();
    for from in (0..n).step_by(256) {
        let rows = from..n.min(from + 256);
        block.resize(rows.len() * columns.len(), 0.0);
        held.select(rows, &columns, &mut block);
        for row in block.chunks_exact(columns.len()) {
            for (j, x) in row.iter().enumerate() {
                let off = (x - usual[j]).abs();
                count[j] += usize::from(off > 0.0);
                far[j] = far[j].max(off);
            }
        }
    }
    let bend = curvature_at_0(held);
    for ((&j, rows), far) in columns.iter().zip(&count).zip(&far) {
        if (1..FEW).contains(rows) {
            let off = far / scaling.scale[j as usize];
            for o in 0..k {
                more[o * width + j as usize] = bend * off * off / n as f64;
            }
        }
    }
    more
}

/// Columns of which one value fills half of the first rows or more, and that value.
fn mostly_constant(held: &Held<'_>) -> (Vec<u32>, Vec<f64>) {
    let d = held.columns();
    let step = (held.len() / LOOK).max(1);
    let mut x = vec![0.0; held.len().div_ceil(step).min(LOOK) * d];
    for (row, x) in x.chunks_exact_mut(d.max(1)).enumerate() {
        held.gather(row * step..row * step + 1, x);
    }
    let (mut columns, mut usual) = (Vec::new(), Vec::new());
    for j in 0..d {
        // The median is the value of every column that is mostly one value.
        let mut column: Vec<f64> = x.iter().skip(j).step_by(d).copied().collect();
        column.sort_unstable_by(f64::total_cmp);
        let middle = column[column.len() / 2];
        if 2 * column.iter().filter(|v| **v == middle).count() >= column.len() {
            columns.push(j as u32);
            usual.push(middle);
        }
    }
    (columns, usual)
}

/// The mean curvature of the losses at margin 0.
fn curvature_at_0(held: &Held<'_>) -> f64 {
    let (k, n) = (held.outputs(), held.len().min(1000));
    let mut h = held.jets(&vec![0.0; n * k]).curvature;
    if k > 1 {
        h.iter_mut().for_each(|p| *p *= 1.0 - *p);
    }
    h.iter().sum::<f64>() / (n * k).max(1) as f64
}
