//! Linear models as files: those of estimators, here and in Python, and those of tables that Python fitted.
use super::label::Label;
use super::{Failure, LinearModel};
use crate::saved::{Content, count};
use crate::settings::Spec;
use serde_json::{Map, Value};
use std::path::Path;

/// The kind of file that an estimator's coefficients are kept in.
const KIND: &str = "linear model";
/// The kind that `steepest.fit` of a table writes.
const OF_TABLE: &str = "model";

impl LinearModel {
    /// Writes it to a safetensors file, which [`load`](Self::load) and `steepest.linear.load` in Python read; on any failure
    /// an older file stays as it was.
    ///
    /// ```
    /// use steepest::{designs::dense::Dense, linear::{LinearModel, Observations, Ridge}};
    /// let design = Dense::by_rows(&[0.0, 1.0, 2.0], 1).unwrap();
    /// let fitted = Ridge::default().fit(&Observations::new(&design, &[0.0, 1.0, 2.0])).unwrap();
    /// let path = std::env::temp_dir().join(format!("ridge-{}.safetensors", std::process::id()));
    /// fitted.save(&path).unwrap();
    /// let again = LinearModel::load(&path).unwrap();
    /// assert_eq!(again.predict(&design).unwrap(), fitted.predict(&design).unwrap());
    /// # std::fs::remove_file(&path).unwrap();
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Failure> {
        self.saved(path.as_ref(), &self.classes)
    }

    /// With these classes.
    pub(super) fn saved(&self, path: &Path, classes: &[Label]) -> Result<(), Failure> {
        let settings: Map<String, Value> =
            self.spec.1.iter().map(|(name, v)| (name.clone(), (*v).into())).collect();
        let none = |list: Vec<Value>| if list.is_empty() { Value::Null } else { list.into() };
        let mut content = Content::default();
        content.description = Map::from_iter([
            ("loss".into(), self.spec.0.as_str().into()),
            ("loss_settings".into(), settings.into()),
            ("outputs".into(), self.made_for.into()),
            ("classes".into(), none(classes.iter().map(Label::json).collect())),
            ("names".into(), none(self.names.iter().map(|name| name.as_str().into()).collect())),
        ]);
        let k = self.outputs();
        content.put("coefficients", &[k, self.columns], &self.coefficients);
        content.put("intercept", &[self.intercept.len()], &self.intercept);
        content.put("learnt", &[self.learnt.len()], &self.learnt);
        content.put("centre", &[self.columns], &self.centre());
        content.write(path, KIND)
    }

    /// Reads one that was written here, by an estimator's `save` in Python, or by `save` of a model that `steepest.fit` made
    /// there of a table. Of the last the columns are those of numbers and then, for each category, one a level: as the
    /// [names](Self::names) say, and a [table of codes](crate::designs::codes) has them.
    ///
    /// A file that was cut off or altered is refused, and so is a model whose columns Python makes first (curves, hashed
    /// texts, a network).
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Failure> {
        let path = path.as_ref();
        let (kind, content) = Content::read(path)?;
        let model = match kind.as_str() {
            KIND => of_estimator(&content),
            OF_TABLE => of_table(&content),
            other => Err(format!("it holds a {other:.40}, not a linear model")),
        };
        model.map_err(|why| format!("{path:?}: {why}").into())
    }

    /// What each column is seen less.
    fn centre(&self) -> Vec<f64> {
        let mut centre = vec![0.0; self.columns];
        let (columns, by) = &self.less;
        columns.iter().zip(by).for_each(|(j, c)| centre[*j as usize] = *c);
        centre
    }

    fn seen_less(mut self, centre: &[f64]) -> Self {
        let far = centre.iter().enumerate().filter(|(_, c)| **c != 0.0);
        self.less = far.map(|(j, c)| (j as u32, *c)).unzip();
        self
    }
}

/// What is there, or that it is not.
fn wanted<T>(found: Option<T>, what: &str) -> Result<T, String> {
    found.ok_or_else(|| format!("it was altered, or a fault wrote it: {what}"))
}

fn several<T>(json: Option<&Value>, one: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    match json? {
        Value::Null => Some(Vec::new()),
        list => list.as_array()?.iter().map(one).collect(),
    }
}

fn of_estimator(content: &Content) -> Result<LinearModel, String> {
    let (shape, coefficients) = content.array("coefficients")?;
    let [margins, columns] = *shape else { return Err("its coefficients are no matrix".into()) };
    let name = wanted(content.get("loss").and_then(Value::as_str), "it has no loss")?;
    let settings =
        wanted(content.get("loss_settings").and_then(Value::as_object), "it has no settings")?;
    let setting = |(name, v): (&String, &Value)| Some((name.clone(), v.as_f64()?));
    let settings = wanted(settings.iter().map(setting).collect(), "a setting is no number")?;
    let classes = wanted(several(content.get("classes"), Label::of), "its classes are none")?;
    let text = |json: &Value| json.as_str().map(str::to_owned);
    let names = wanted(several(content.get("names"), text), "its names are none")?;
    let [intercept, learnt, centre] =
        ["intercept", "learnt", "centre"].map(|name| content.array(name).map(|a| a.1));
    let spec = (name.to_owned(), settings);
    let outputs = wanted(content.get("outputs").and_then(count), "it has no outputs")?;
    let model = LinearModel::new(spec, outputs, columns, [coefficients, intercept?, learnt?])?;
    let (k, centre) = (model.outputs(), centre?);
    let told = classes.is_empty() || classes.len() == outputs.max(2);
    let fits =
        k == margins && centre.len() == columns && (names.is_empty() || names.len() == columns);
    wanted((fits && told).then_some(()), "its parts are of several models")?;
    Ok(LinearModel { names, classes, ..model.seen_less(&centre) })
}

/// A model of a table: its coefficients are per unit of each column less its mean.
fn of_table(content: &Content) -> Result<LinearModel, String> {
    const MADE: &str = "its columns are made of a table's by Python (curves, hashed texts, marks of what is missing, a network): \
                        predict there, or export it by steepest.onnx";
    let (Ok((shape, coefficients)), Ok((_, centre)), Ok((_, offset))) = (
        content.array("weights.coefficients"),
        content.array("weights.centre"),
        content.array("weights.offset"),
    ) else {
        return Err(MADE.into());
    };
    let [margins, columns] = *shape else { return Err("its coefficients are no matrix".into()) };
    let schema = wanted(content.get("schema").and_then(Value::as_str), "it has no schema")?;
    let schema: Value = serde_json::from_str(schema).map_err(|why| format!("its schema: {why}"))?;
    if !matches!(schema.get("form"), None | Some(Value::Null)) {
        return Err(MADE.into());
    }
    let names = wanted(features(&schema), MADE).map_err(|_| MADE)?;
    let classes = wanted(several(schema.get("classes"), Label::of), "its classes are none")?;
    let named = content.get("settings").and_then(|s| s.get("loss")).and_then(Value::as_str);
    let loss = match (named, classes.len()) {
        (Some(name), 0) => name,
        (_, 0) => "squared",
        (_, 2) => "logistic",
        _ => "softmax",
    };
    let spec: Spec = (loss.to_owned(), Vec::new());
    let model = LinearModel::new(spec, margins, columns, [coefficients, offset, Vec::new()])?;
    let fits = centre.len() == columns && names.len() == columns;
    wanted(fits.then_some(()), "its parts are of several models")?;
    Ok(LinearModel { names, classes, ..model.seen_less(&centre) })
}

/// The columns of the table as the model sees it: numbers first, then the levels of each category. None where they are made
/// of others.
fn features(schema: &Value) -> Option<Vec<String>> {
    let (mut numbers, mut levels) = (Vec::new(), Vec::new());
    for column in schema.get("columns")?.as_array()? {
        if column.get("used")? != &Value::Bool(true) {
            continue;
        }
        for piece in column.get("pieces")?.as_array()? {
            let name = piece.get("name")?.as_str()?;
            match piece.get("type")?.as_str()? {
                "number" if piece.get("indicator")? == &Value::Bool(false) => {
                    numbers.push(name.to_owned())
                }
                "levels" => {
                    for level in piece.get("levels")?.as_array()? {
                        levels.push(format!("{name} = {}", level.as_str()?));
                    }
                }
                _ => return None,
            }
        }
    }
    numbers.append(&mut levels);
    Some(numbers)
}
