//! Tables that are hard in one way each.

/// A table, its targets, and what is penalised how much.
pub struct Table {
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    pub d: usize,
    pub alpha: f64,
}

/// Numbers that depend on the seed alone (xorshift64*).
pub struct Draw(pub u64);

impl Draw {
    pub fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    }
    pub fn normal(&mut self) -> f64 {
        let r = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        r * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// Correlated rows, and the scores of a model on them.
fn plain(n: usize, d: usize, draw: &mut Draw) -> (Vec<f64>, Vec<f64>) {
    let w: Vec<f64> = (0..d).map(|_| 2.0 * draw.normal() / (d as f64).sqrt()).collect();
    let mut x = vec![0.0; n * d];
    let mut score = vec![0.3; n];
    for (row, score) in x.chunks_exact_mut(d).zip(&mut score) {
        let mut last = draw.normal();
        for (x, w) in row.iter_mut().zip(&w) {
            last = 0.6 * last + 0.8 * draw.normal();
            *x = last;
            *score += w * last;
        }
    }
    (x, score)
}

pub const NAMES: [&str; 15] = [
    "plain",
    "raw, 1e±2, shifted by 3 sigma",
    "raw, 1e±2, shifted by 100 sigma",
    "raw, 1e±6, alpha 1e-12",
    "raw, 1e±6, alpha 1",
    "sorted by class",
    "a column of 1e6",
    "heavy tails",
    "separable, alpha 1e-8",
    "separable, alpha 1e-12",
    "dependent columns, alpha 1/n",
    "dependent columns, alpha 0",
    "0.1 % positives",
    "rare dummies, alpha 1e-9",
    "near-copies, alpha 0",
];

pub fn table(name: &'static str, n: usize, d: usize) -> Table {
    let mut draw = Draw(0x9e37_79b9 + name.len() as u64);
    let (mut x, mut score) = plain(n, d, &mut draw);
    let mut alpha = 1e-4;
    let spread = |x: &mut [f64], power: f64, shift: f64| {
        for row in x.chunks_exact_mut(d) {
            for (j, x) in row.iter_mut().enumerate() {
                *x = (*x + shift) * 10f64.powf(power * (2.0 * j as f64 / (d - 1) as f64 - 1.0));
            }
        }
    };
    match name {
        "raw, 1e±2, shifted by 3 sigma" => spread(&mut x, 2.0, 3.0),
        "raw, 1e±2, shifted by 100 sigma" => spread(&mut x, 2.0, 100.0),
        "raw, 1e±6, alpha 1e-12" => {
            spread(&mut x, 6.0, 3.0);
            alpha = 1e-12;
        }
        "raw, 1e±6, alpha 1" => {
            spread(&mut x, 6.0, 3.0);
            alpha = 1.0;
        }
        "a column of 1e6" => {
            x.chunks_exact_mut(d).for_each(|r| r[2] *= 1e6);
            alpha = 1.0 / n as f64;
        }
        "heavy tails" => {
            // Student's t with two degrees of freedom: normal over the root of an exponential.
            for row in x.chunks_exact_mut(d) {
                let times = 1.0 / (-(1.0 - draw.uniform()).ln()).sqrt();
                row.iter_mut().for_each(|x| *x *= times);
            }
            alpha = 1.0 / n as f64;
        }
        "separable, alpha 1e-8" => alpha = 1e-8,
        "separable, alpha 1e-12" => alpha = 1e-12,
        "dependent columns, alpha 1/n" | "dependent columns, alpha 0" => {
            for row in x.chunks_exact_mut(d) {
                row[1] = row[0];
                row[2] = 2.0;
                row[3] = row[4] - 2.0 * row[5];
            }
            alpha = if name.ends_with('0') { 0.0 } else { 1.0 / n as f64 };
        }
        "0.1 % positives" => score.iter_mut().for_each(|s| *s -= 9.0),
        "rare dummies, alpha 1e-9" => {
            for row in x.chunks_exact_mut(d) {
                for x in &mut row[d / 2..] {
                    *x = f64::from(draw.uniform() < 1e-3);
                }
            }
            alpha = 1e-9;
        }
        "near-copies, alpha 0" => {
            for row in x.chunks_exact_mut(d) {
                row[1] = row[0] + 1e-6 * draw.normal();
            }
            alpha = 0.0;
        }
        _ => {}
    }
    let apart = name.starts_with("separable");
    let mut y: Vec<f64> = score
        .iter()
        .map(|s| {
            let chance = if apart { 0.5 } else { draw.uniform() };
            f64::from(1.0 / (1.0 + (-s).exp()) > chance)
        })
        .collect();
    if name == "sorted by class" {
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| y[*a].total_cmp(&y[*b]));
        x = order.iter().flat_map(|&i| x[i * d..(i + 1) * d].to_vec()).collect();
        y = order.iter().map(|&i| y[i]).collect();
        alpha = 1.0 / n as f64;
    }
    Table { x, y, d, alpha }
}
