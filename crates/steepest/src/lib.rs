//! **steepest**: gradient descent, finished. The arithmetic; knows no Python.
//!
//! An *objective* says what is minimised; a *penalty* what is added or forbidden; a *rule* how a gradient
//! changes a parameter; a *method* how to take one step; one *loop* drives them; a *watch* looks on; a
//! *solution* tells the story.
//!
//! Who may use whom: `numbers → rule → rules`; `loss, source → design → glm`; `status → objective, watch →
//! problem → method → methods`; `descend` uses `method`, never `methods`; an objective never names a method or the loop.

pub mod activation;
pub mod activations;
pub mod certificate;
pub mod chain;
pub mod curvature;
pub mod descend;
pub mod design;
pub mod designs;
pub mod differences;
pub mod duality;
pub mod energy;
mod evaluated;
pub mod factors;
pub mod glm;
pub mod gram;
pub mod health;
pub mod held;
pub mod initialise;
pub mod linalg;
pub mod linear;
#[cfg(feature = "linfa")]
pub mod linfa;
pub mod loss;
pub mod losses;
pub mod method;
pub mod methods;
pub mod network;
pub mod numbers;
pub mod objective;
pub mod online;
pub mod parallel;
pub mod penalties;
pub mod penalty;
pub mod problem;
pub mod problems;
pub mod quadratic;
pub mod rate;
pub mod rates;
pub mod refusal;
pub mod residuals;
pub mod rule;
pub mod rules;
pub mod saved;
pub mod scaling;
pub mod search;
pub mod searches;
pub mod settings;
pub mod source;
pub mod squares;
pub mod state;
pub mod status;
pub mod table;
pub mod units;
pub mod watch;
