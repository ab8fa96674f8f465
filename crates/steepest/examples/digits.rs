//! A network that learns to read digits, 64 numbers a picture: `cargo run --release --example digits -- digits.csv`.
//!
//! The file has the class and then the pixels in each line, as scikit-learn's own copy has them the other way round:
//! `python -c "from sklearn.datasets import load_digits as d; [print(int(t), *map(int, x), sep=',') for x, t in zip(*d(return_X_y=True))]"`
use steepest::chain;
use steepest::losses::softmax::Classes;
use steepest::network::training::{Memory, Score, Training, train};
use steepest::network::{Examples, Head, Network, dense};
use steepest::numbers::random::Random;
use steepest::rates;
use steepest::watch::Unwatched;

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let text = match std::env::args().nth(1) {
        Some(path) => std::fs::read_to_string(path)?,
        None => blobs(),
    };
    let mut lines: Vec<&str> = text.lines().collect();
    Random::new(0, 0, 0, 0).shuffle(&mut lines);
    let (mut x, mut targets) = (Vec::new(), Vec::new());
    for line in &lines {
        let mut numbers = line.split(',').map(|n| n.trim().parse::<f32>());
        targets.push(f64::from(numbers.next().ok_or("an empty line")??));
        for pixel in numbers {
            x.push(pixel? / 16.0);
        }
    }
    let (rows, columns) = (targets.len(), x.len() / targets.len());
    let classes = targets.iter().fold(0.0, |most: f64, t| most.max(*t)) as usize + 1;

    // Every fifth row is held out.
    let learnt = rows - rows / 5;
    let part = |from: usize, to: usize| Examples {
        inputs: &x[from * columns..to * columns],
        targets: &targets[from..to],
        weight: None,
        rows: to - from,
    };
    let (seen, held) = (part(0, learnt), part(learnt, rows));

    let network = Network::new(columns, &[dense(64, "relu")?, dense(classes, "identity")?])?;
    let head = Head::new(Box::new(Classes { outputs: classes }), classes, false)?;
    let cosine = rates::find("cosine")?;
    let training = Training {
        rules: chain::plan(&[("momo_adam", &[])])?,
        rate: 0.1,
        schedule: Some((cosine, vec![0.0])),
        batch: 32,
        epochs: 40,
        shuffle: true,
        seed: 0,
        decay: 0.0,
        per_row: false,
        patience: None,
        tolerance: 0.0,
        falling: None,
        own_weights: false,
        seconds: f64::INFINITY,
    };
    let start: Vec<f32> = network.start(0).into_iter().map(|w| w as f32).collect();
    let held = Some((&held, Score::Accuracy));
    let done = train(&network, &training, &seen, &head, held, Memory::at(start), &mut Unwatched)?;
    let best = done.epochs[done.best - 1];
    println!("{}", done.status.message());
    println!(
        "held-out accuracy {:.3} after epoch {}, loss {:.4}",
        best.score, done.best, best.loss
    );
    assert!(best.score > 0.9, "it reads digits");
    Ok(())
}

/// Without a file: clouds round ten corners of a cube.
fn blobs() -> String {
    let mut random = Random::new(1, 0, 0, 0);
    let line = |i: usize| {
        let class = i % 10;
        let pixel = |j: usize| 8.0 * f64::from(u8::from(class >> j & 1 == 1)) + random.normal();
        let pixels: Vec<String> = (0..4).map(pixel).map(|v| v.to_string()).collect();
        format!("{class},{}", pixels.join(","))
    };
    (0..1000).map(line).collect::<Vec<_>>().join("\n")
}
