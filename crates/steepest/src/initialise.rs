//! How the weights of a layer begin.
use crate::numbers::random::Random;

/// A row of the table.
pub struct Initialiser {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    fill: fn(&mut Random, weights: &mut [f64], inputs: f64, outputs: f64),
}

fn uniform(random: &mut Random, weights: &mut [f64], variance: f64) {
    let most = (3.0 * variance).sqrt();
    weights.iter_mut().for_each(|w| *w = most * (2.0 * random.uniform() - 1.0));
}
fn normal(random: &mut Random, weights: &mut [f64], variance: f64) {
    let deviation = variance.sqrt();
    weights.iter_mut().for_each(|w| *w = deviation * random.normal());
}

/// Every initialiser. Each draws weights of mean 0.
pub static INITIALISERS: &[Initialiser] = &[
    Initialiser {
        name: "glorot_uniform",
        doc: "Uniform, variance 2 / (inputs + outputs): for tanh and sigmoid. Glorot and Bengio 2010, <https://proceedings.mlr.press/v9/glorot10a.html>.",
        fill: |r, w, i, o| uniform(r, w, 2.0 / (i + o)),
    },
    Initialiser {
        name: "glorot_normal",
        doc: "Normal, variance 2 / (inputs + outputs). Glorot and Bengio 2010, <https://proceedings.mlr.press/v9/glorot10a.html>.",
        fill: |r, w, i, o| normal(r, w, 2.0 / (i + o)),
    },
    Initialiser {
        name: "he_uniform",
        doc: "Uniform, variance 2 / inputs: for rectifiers. He, Zhang, Ren and Sun 2015, <https://arxiv.org/abs/1502.01852>.",
        fill: |r, w, i, _| uniform(r, w, 2.0 / i),
    },
    Initialiser {
        name: "he_normal",
        doc: "Normal, variance 2 / inputs. He, Zhang, Ren and Sun 2015, <https://arxiv.org/abs/1502.01852>.",
        fill: |r, w, i, _| normal(r, w, 2.0 / i),
    },
    Initialiser {
        name: "lecun_uniform",
        doc: "Uniform, variance 1 / inputs. LeCun, Bottou, Orr and Müller 1998, <https://doi.org/10.1007/3-540-49430-8_2>.",
        fill: |r, w, i, _| uniform(r, w, 1.0 / i),
    },
    Initialiser {
        name: "lecun_normal",
        doc: "Normal, variance 1 / inputs. LeCun, Bottou, Orr and Müller 1998, <https://doi.org/10.1007/3-540-49430-8_2>.",
        fill: |r, w, i, _| normal(r, w, 1.0 / i),
    },
    Initialiser {
        name: "orthogonal",
        doc: "Orthonormal columns, or rows where these are fewer. Saxe, McClelland and Ganguli 2014, <https://arxiv.org/abs/1312.6120>.",
        fill: |r, w, i, o| orthogonal(r, w, i as usize, o as usize),
    },
    Initialiser {
        name: "random_uniform",
        doc: "Uniform between -0.05 and 0.05, whatever the layer.",
        fill: |r, w, _, _| uniform(r, w, 0.05 * 0.05 / 3.0),
    },
    Initialiser {
        name: "random_normal",
        doc: "Normal with a standard deviation of 0.05, whatever the layer.",
        fill: |r, w, _, _| normal(r, w, 0.05 * 0.05),
    },
];

/// The initialiser of that name, or what is wrong with the name.
pub fn find(name: &str) -> Result<&'static Initialiser, String> {
    INITIALISERS.iter().find(|i| i.name == name).ok_or_else(|| {
        let near = crate::settings::nearest(name, INITIALISERS.iter().map(|i| i.name));
        format!("no initialiser is called '{name}'{near}")
    })
}

impl Initialiser {
    /// Weights of a layer, a row an input.
    pub fn fill(&self, random: &mut Random, weights: &mut [f64], inputs: usize, outputs: usize) {
        (self.fill)(random, weights, inputs.max(1) as f64, outputs as f64);
    }
}

/// Normal numbers, the shorter side made orthonormal by Gram and Schmidt, twice.
fn orthogonal(random: &mut Random, weights: &mut [f64], inputs: usize, outputs: usize) {
    let (few, many) = (inputs.min(outputs), inputs.max(outputs));
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(few);
    for _ in 0..few {
        let mut row: Vec<f64> = (0..many).map(|_| random.normal()).collect();
        for _ in 0..2 {
            for other in &rows {
                let along: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
                row.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
            }
            let length = row.iter().map(|a| a * a).sum::<f64>().sqrt();
            row.iter_mut().for_each(|a| *a /= length);
        }
        rows.push(row);
    }
    for i in 0..inputs {
        for o in 0..outputs {
            weights[i * outputs + o] = if inputs <= outputs { rows[i][o] } else { rows[o][i] };
        }
    }
}
