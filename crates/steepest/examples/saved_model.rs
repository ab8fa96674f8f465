//! A model that is fitted here, saved, and loaded again, here or in Python (`steepest.linear.load`).
//!
//!     cargo run --release --example saved_model -- flowers.safetensors
use steepest::designs::dense::Dense;
use steepest::linear::{LinearModel, LogisticRegression};

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    // Petals of three flowers: length and width wander about each flower's own.
    let own = [("setosa", 1.5, 0.2), ("versicolor", 4.3, 1.3), ("virginica", 5.6, 2.0)];
    let (mut petals, mut flowers) = (Vec::new(), Vec::new());
    for i in 0..150 {
        let (name, length, width) = own[i % 3];
        let [a, b] = [(i * 37 % 101) as f64 / 101.0 - 0.5, (i * 53 % 97) as f64 / 97.0 - 0.5];
        petals.extend([length + 1.6 * a, width + 0.7 * b + 0.3 * a]);
        flowers.push(name);
    }
    let design = Dense::by_rows(&petals, 2)?;
    let model = LogisticRegression { c: 10.0, ..LogisticRegression::default() };
    let fitted = model.fit(&design, &flowers)?;

    let given = std::env::args().nth(1).map(Into::into);
    let path = given.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("flowers-{}.safetensors", std::process::id()))
    });
    fitted.save(&path)?;
    let again = LinearModel::load(&path)?;
    assert_eq!(again.predict(&design)?, fitted.probabilities(&design)?);
    let right = again
        .predict_classes(&design)?
        .iter()
        .zip(&flowers)
        .filter(|(a, b)| a.to_string() == ***b)
        .count();
    println!(
        "{right} of {} flowers are called by their names by the model in {path:?}",
        flowers.len()
    );
    if given.is_none() {
        std::fs::remove_file(&path)?;
    }
    Ok(())
}
