//! The least of a strictly convex quadratic over a few linear constraints, exactly: the dual method of active sets.
//!
//! min ½ d′Bd + g′d   where   n_i′d + o_i = 0 (equations) or ≥ 0. It begins at the least without constraints, and adds the one
//! that is missed by most until none is; multipliers stay ≥ 0 on the way.
//!
//! Goldfarb and Idnani 1983, <https://doi.org/10.1007/BF02591962>.
use crate::linalg::cholesky;
use crate::linalg::vectors::dot;

/// What is left of a normal beside those that hold, as a part of it, for it to be another direction.
const OTHER: f64 = 1e-10;
/// Missed by less than this of what a constraint is summed up of: met.
const MET: f64 = 1e-13;

/// A constraint: n, o, and whether it is an equation. Its place in the caller's list goes with it.
pub(super) struct LinearConstraint {
    pub normal: Vec<f64>,
    pub offset: f64,
    pub equation: bool,
}

/// The factors of B beside those of the normals that hold.
struct Normals {
    n: usize,
    /// J, column after column: J′BJ = 1, and the first columns span what the normals do.
    j: Vec<f64>,
    /// The upper triangle R, column after column, of room n each: J′N = [R; 0].
    r: Vec<f64>,
    /// Which rows hold, and their multipliers.
    rows: Vec<usize>,
    u: Vec<f64>,
}

impl Normals {
    /// From B; none where it is not positive definite.
    fn of(b: &[f64], n: usize) -> Option<Self> {
        let mut l = b.to_vec();
        if !cholesky::factor(&mut l, n, |_, left, _| left > 0.0) {
            return None;
        }
        let mut j = vec![0.0; n * n];
        for (c, column) in j.chunks_exact_mut(n.max(1)).enumerate() {
            column[c] = 1.0;
            cholesky::backward(&l, column);
        }
        Some(Normals { n, j, r: vec![0.0; n * n], rows: Vec::new(), u: Vec::new() })
    }

    fn column(&self, c: usize) -> &[f64] {
        &self.j[c * self.n..(c + 1) * self.n]
    }

    /// J′ v.
    fn inward(&self, v: &[f64]) -> Vec<f64> {
        (0..self.n).map(|c| dot(self.column(c), v)).collect()
    }

    /// The way of d that leaves what holds, and how the multipliers of that change.
    fn ways(&self, d: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (n, q) = (self.n, self.rows.len());
        let mut z = vec![0.0; n];
        for c in q..n {
            z.iter_mut().zip(self.column(c)).for_each(|(z, j)| *z += d[c] * j);
        }
        let mut r = d[..q].to_vec();
        for c in (0..q).rev() {
            r[c] /= self.r[c * n + c];
            let (head, last) = r.split_at_mut(c);
            head.iter_mut().zip(&self.r[c * n..c * n + c]).for_each(|(r, a)| *r -= last[0] * a);
        }
        (z, r)
    }

    /// Turns columns a and b of J by (c, s).
    fn turn(&mut self, a: usize, b: usize, (c, s): (f64, f64)) {
        let n = self.n;
        let (head, tail) = self.j.split_at_mut(b * n);
        for (x, y) in head[a * n..(a + 1) * n].iter_mut().zip(&mut tail[..n]) {
            (*x, *y) = (c * *x + s * *y, c * *y - s * *x);
        }
    }

    /// Another row holds, of which J′n is d.
    fn add(&mut self, row: usize, u: f64, mut d: Vec<f64>) {
        let (n, q) = (self.n, self.rows.len());
        for b in (q + 1..n).rev() {
            let size = d[b - 1].hypot(d[b]);
            if d[b] == 0.0 || size == 0.0 {
                continue;
            }
            let by = (d[b - 1] / size, d[b] / size);
            (d[b - 1], d[b]) = (size, 0.0);
            self.turn(b - 1, b, by);
        }
        self.r[q * n..q * n + q + 1].copy_from_slice(&d[..q + 1]);
        self.rows.push(row);
        self.u.push(u);
    }

    /// x once more, from what rounding has left of the conditions: where B is next to nothing along a way, x has been so far
    /// away on it that the rows that hold are met by few digits.
    fn refine(
        &mut self,
        (b, g): (&[f64], &[f64]),
        rows: &[LinearConstraint],
        turned: &[bool],
        x: &mut [f64],
    ) {
        let (n, q) = (self.n, self.rows.len());
        for _ in 0..2 {
            // R′w = what the rows that hold are off by: along the columns that their normals span.
            let mut w = vec![0.0; n];
            for k in 0..q {
                let LinearConstraint { normal, offset, .. } = &rows[self.rows[k]];
                let off = offset + dot(normal, x);
                let off = if turned[self.rows[k]] { -off } else { off };
                let known = dot(&self.r[k * n..k * n + k], &w[..k]);
                w[k] = (-off - known) / self.r[k * n + k];
            }
            for c in 0..q {
                x.iter_mut().zip(self.column(c)).for_each(|(x, j)| *x += w[c] * j);
            }
            // What the slopes are beside those normals, and the multipliers that balance the others.
            let slope: Vec<f64> =
                b.chunks_exact(n.max(1)).zip(g).map(|(row, g)| g + dot(row, x)).collect();
            let mut left = self.inward(&slope);
            for c in q..n {
                x.iter_mut().zip(self.column(c)).for_each(|(x, j)| *x -= left[c] * j);
            }
            for c in (0..q).rev() {
                left[c] /= self.r[c * n + c];
                let (head, last) = left.split_at_mut(c);
                head.iter_mut().zip(&self.r[c * n..c * n + c]).for_each(|(v, a)| *v -= last[0] * a);
            }
            for (k, u) in self.u.iter_mut().enumerate() {
                *u = if rows[self.rows[k]].equation { left[k] } else { left[k].max(0.0) };
            }
        }
    }

    /// The row at place k holds no more.
    fn drop(&mut self, k: usize) {
        let n = self.n;
        self.rows.remove(k);
        self.u.remove(k);
        let q = self.rows.len();
        self.r.copy_within((k + 1) * n..(q + 1) * n, k * n);
        for c in k..q {
            let (a, b) = (self.r[c * n + c], self.r[c * n + c + 1]);
            let size = a.hypot(b);
            if b == 0.0 || size == 0.0 {
                continue;
            }
            let by = (a / size, b / size);
            for later in c..q {
                let at = later * n + c;
                let (x, y) = (self.r[at], self.r[at + 1]);
                (self.r[at], self.r[at + 1]) = (by.0 * x + by.1 * y, by.0 * y - by.1 * x);
            }
            self.turn(c, c + 1, by);
        }
    }
}

/// d and a multiplier each row; none where no d meets them all.
pub(super) fn least(
    b: &[f64],
    g: &[f64],
    rows: &[LinearConstraint],
) -> Option<(Vec<f64>, Vec<f64>)> {
    let n = g.len();
    let mut held = Normals::of(b, n)?;
    let down = held.inward(g);
    let mut x = vec![0.0; n];
    for c in 0..n {
        x.iter_mut().zip(held.column(c)).for_each(|(x, j)| *x -= down[c] * j);
    }
    let lengths: Vec<f64> = rows.iter().map(|r| dot(&r.normal, &r.normal).sqrt()).collect();
    // By how much a row is missed, in its length; within rounding by nothing.
    let missed = |i: usize, x: &[f64]| -> (f64, f64) {
        let LinearConstraint { normal, offset, .. } = &rows[i];
        let (mut sum, mut size) = (*offset, offset.abs());
        normal.iter().zip(x).for_each(|(a, x)| (sum, size) = (sum + a * x, size + (a * x).abs()));
        (sum, MET * size)
    };
    let order = (0..rows.len()).filter(|&i| rows[i].equation);
    let mut turned = vec![false; rows.len()];
    for i in order {
        let (s, nothing) = missed(i, &x);
        // Met from above or from below: the sign of its normal follows.
        turned[i] = s > 0.0;
        let normal: Vec<f64> =
            rows[i].normal.iter().map(|a| if turned[i] { -a } else { *a }).collect();
        let d = held.inward(&normal);
        let q = held.rows.len();
        let (own, whole) = (dot(&d[q..], &d[q..]), dot(&d, &d));
        if !(own > OTHER * OTHER * whole) {
            // It follows from the others, or contradicts them.
            if s.abs() <= 1e3 * nothing.max(f64::EPSILON * lengths[i])
                || lengths[i] == 0.0 && s == 0.0
            {
                continue;
            }
            return None;
        }
        let (z, r) = held.ways(&d);
        let t = s.abs() / own;
        x.iter_mut().zip(&z).for_each(|(x, z)| *x += t * z);
        held.u.iter_mut().zip(&r).for_each(|(u, r)| *u -= t * r);
        held.add(i, t, d);
    }
    let first = held.rows.len();
    for _ in 0..10 * (n + rows.len()) + 100 {
        // The one that is missed by most.
        let mut worst: Option<(f64, usize)> = None;
        for i in (0..rows.len()).filter(|&i| !rows[i].equation && lengths[i] > 0.0) {
            let (s, nothing) = missed(i, &x);
            if s < -nothing && !held.rows.contains(&i) {
                let far = s / lengths[i];
                if worst.is_none_or(|w| far < w.0) {
                    worst = Some((far, i));
                }
            }
        }
        let Some((_, i)) = worst else {
            held.refine((b, g), rows, &turned, &mut x);
            let mut u = vec![0.0; rows.len()];
            for (row, by) in held.rows.iter().zip(&held.u) {
                u[*row] = if turned[*row] { -by } else { *by };
            }
            let finite = x.iter().chain(&u).all(|v| v.is_finite());
            return finite.then_some((x, u));
        };
        let mut own = 0.0;
        loop {
            let (s, _) = missed(i, &x);
            let d = held.inward(&rows[i].normal);
            let q = held.rows.len();
            let (rest, whole) = (dot(&d[q..], &d[q..]), dot(&d, &d));
            let (z, r) = held.ways(&d);
            let mut blocked: Option<(f64, usize)> = None;
            for k in first..q {
                if r[k] > 0.0 && blocked.is_none_or(|b| held.u[k] / r[k] < b.0) {
                    blocked = Some((held.u[k] / r[k], k));
                }
            }
            let moves = rest > OTHER * OTHER * whole;
            let full = if moves { (-s / rest).max(0.0) } else { f64::INFINITY };
            let t = blocked.map_or(full, |b| b.0.min(full));
            if !t.is_finite() {
                return None;
            }
            if moves {
                x.iter_mut().zip(&z).for_each(|(x, z)| *x += t * z);
            }
            held.u.iter_mut().zip(&r).for_each(|(u, r)| *u -= t * r);
            own += t;
            match blocked {
                Some((least, k)) if least < full => {
                    held.u[k] = 0.0;
                    held.drop(k);
                }
                _ => {
                    held.add(i, own, d);
                    break;
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(normal: &[f64], offset: f64, equation: bool) -> LinearConstraint {
        LinearConstraint { normal: normal.to_vec(), offset, equation }
    }

    #[test]
    fn the_least_meets_the_conditions() {
        // Nocedal and Wright, example 16.4.
        let rows = [
            row(&[1.0, -2.0], 2.0, false),
            row(&[-1.0, -2.0], 6.0, false),
            row(&[-1.0, 2.0], 2.0, false),
            row(&[1.0, 0.0], 0.0, false),
            row(&[0.0, 1.0], 0.0, false),
        ];
        let (x, u) = least(&[2.0, 0.0, 0.0, 2.0], &[-2.0, -5.0], &rows).unwrap();
        assert!((x[0] - 1.4).abs() < 1e-12 && (x[1] - 1.7).abs() < 1e-12, "{x:?}");
        assert!((u[0] - 0.8).abs() < 1e-12 && u[1..].iter().all(|u| *u == 0.0), "{u:?}");
    }

    #[test]
    fn drawn_programs_meet_the_conditions() {
        let mut seed = 1u64;
        let mut draw = || {
            seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (seed >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        for case in 0..300 {
            let (n, m) = (2 + case % 7, 1 + case % 11);
            let root: Vec<f64> = (0..n * n).map(|_| draw()).collect();
            let mut b = vec![0.0; n * n];
            for i in 0..n {
                for k in 0..n {
                    b[i * n + k] = (0..n).map(|l| root[i * n + l] * root[k * n + l]).sum::<f64>();
                }
                b[i * n + i] += 0.01;
            }
            let g: Vec<f64> = (0..n).map(|_| 3.0 * draw()).collect();
            let within: Vec<f64> = (0..n).map(|_| draw()).collect();
            let mut rows: Vec<LinearConstraint> = Vec::new();
            for i in 0..m {
                let normal: Vec<f64> = (0..n).map(|_| draw()).collect();
                let equation = i < (n - 1).min(case % 3);
                let slack = if equation { 0.0 } else { draw().abs() * f64::from(i as u32 % 2) };
                rows.push(row(&normal, slack - dot(&normal, &within), equation));
            }
            // Said twice.
            let again = row(&rows[0].normal, rows[0].offset, rows[0].equation);
            rows.push(again);
            let (x, u) = least(&b, &g, &rows).expect("a point meets them all");
            for j in 0..n {
                let slope = g[j] + dot(&b[j * n..(j + 1) * n], &x);
                let pulled: f64 = rows.iter().zip(&u).map(|(r, u)| u * r.normal[j]).sum();
                assert!((slope - pulled).abs() < 1e-8, "{case}: {slope} {pulled}");
            }
            for (r, u) in rows.iter().zip(&u) {
                let s = dot(&r.normal, &x) + r.offset;
                assert!(if r.equation { s.abs() } else { -s } < 1e-9, "{case}: {s}");
                assert!(r.equation || *u >= 0.0 && (u * s).abs() < 1e-8, "{case}: {u} {s}");
            }
        }
    }

    #[test]
    fn rows_are_met_where_next_to_nothing_bends() {
        // Without constraints the least lies 1e13 away.
        let rows = [row(&[1.0, 3.0], -1.0, false), row(&[1.0, -0.7], 0.3, false)];
        let (x, u) = least(&[1e-13, 0.0, 0.0, 3e-13], &[0.8, 1.29], &rows).unwrap();
        for r in &rows {
            assert!((dot(&r.normal, &x) + r.offset).abs() < 1e-14, "{x:?}");
        }
        let slope = |j: usize| [0.8, 1.29][j] - u[0] * rows[0].normal[j] - u[1] * rows[1].normal[j];
        assert!(slope(0).abs() < 1e-11 && slope(1).abs() < 1e-11, "{u:?}");
    }

    #[test]
    fn what_no_point_meets_has_none() {
        let rows = [row(&[1.0, 1.0], -1.0, false), row(&[-1.0, -1.0], 0.0, false)];
        assert!(least(&[1.0, 0.0, 0.0, 1.0], &[0.0, 0.0], &rows).is_none());
        let rows = [row(&[1.0, 1.0], -1.0, true), row(&[2.0, 2.0], 0.0, true)];
        assert!(least(&[1.0, 0.0, 0.0, 1.0], &[0.0, 0.0], &rows).is_none());
        let rows = [row(&[1.0, 1.0], -1.0, true), row(&[2.0, 2.0], -2.0, true)];
        assert!(least(&[1.0, 0.0, 0.0, 1.0], &[0.0, 0.0], &rows).is_some());
    }
}
