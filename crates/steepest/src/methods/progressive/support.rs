//! Columns that hardly vary in a sample: a level met in few rows seems to separate them, and would run away.
use crate::glm::Glm;
use crate::scaling::Scaling;

/// A column that differs from its usual value in fewer rows than this has no support in a sample.
const FEW: usize = 20;
/// Rows looked at to find such columns.
const LOOK: usize = 64;

/// What the penalty needs to gain on a sample: for a column that differs from its usual value in 1..19 rows the
/// curvature of one more row, in the rounder variables; 0 for all others.
pub fn support(glm: &Glm<'_>, scaling: &Scaling, rows: &[u32]) -> Vec<f64> {
    let (d, k) = (glm.design.columns(), glm.outputs());
    let mut more = vec![0.0; k * glm.width()];
    let (columns, usual) = mostly_constant(glm, rows);
    if columns.is_empty() {
        return more;
    }
    let (mut count, mut far) = (vec![0usize; columns.len()], vec![0.0f64; columns.len()]);
    let mut block = Vec::new();
    for rows in rows.chunks(256) {
        block.resize(rows.len() * columns.len(), 0.0);
        glm.design.select(rows, &columns, &mut block);
        for row in block.chunks_exact(columns.len()) {
            for (j, x) in row.iter().enumerate() {
                let off = (x - usual[j]).abs();
                count[j] += usize::from(off > 0.0);
                far[j] = far[j].max(off);
            }
        }
    }
    let bend = curvature_at_0(glm, rows);
    for ((&j, &n), far) in columns.iter().zip(&count).zip(&far) {
        if (1..FEW).contains(&n) {
            let off = far / scaling.scale[j as usize];
            for o in 0..k {
                more[o * (d + usize::from(glm.intercept)) + j as usize] =
                    bend * off * off / rows.len() as f64;
            }
        }
    }
    more
}

/// Columns of which one value fills half of the first rows or more, and that value.
fn mostly_constant(glm: &Glm<'_>, rows: &[u32]) -> (Vec<u32>, Vec<f64>) {
    let d = glm.design.columns();
    let step = (rows.len() / LOOK).max(1);
    let look: Vec<u32> = rows.iter().copied().step_by(step).take(LOOK).collect();
    let mut x = vec![0.0; look.len() * d];
    glm.design.gather(&look, &mut x);
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
fn curvature_at_0(glm: &Glm<'_>, rows: &[u32]) -> f64 {
    let (k, n) = (glm.outputs(), rows.len().min(1000));
    let target: Vec<f64> = rows[..n].iter().map(|&i| glm.target[i as usize]).collect();
    let (mut value, mut slope, mut h) = (vec![0.0; n], vec![0.0; n * k], vec![0.0; n * k]);
    glm.loss.jets(&target, &vec![0.0; n * k], &mut value, &mut slope, &mut h);
    if k > 1 {
        h.iter_mut().for_each(|p| *p *= 1.0 - *p);
    }
    h.iter().sum::<f64>() / (n * k).max(1) as f64
}
