//! Which problems are told, and as what.
//!
//! In: problems as they are found. Out: what `--warn-error` and `--warn-error-options` make of each; of the deprecations of
//! one kind the first alone, unless `--show-all-deprecations` is given; at the end how often there was each kind.

use std::sync::{Arc, Mutex, PoisonError};

use crate::diag::{Diagnostic, Severity, Treatment, Warning, WarningPolicy, codes, warnings};
use crate::execute::event::{Event, EventSink};

/// Judges the problems of one command.
pub struct Judge {
    policy: WarningPolicy,
    shows_all: bool,
    counts: Arc<Mutex<Vec<(Warning, usize)>>>,
}

impl Judge {
    /// A judge who has seen nothing yet.
    pub fn new(policy: WarningPolicy, shows_all: bool) -> Self {
        Self { policy, shows_all, counts: Arc::default() }
    }

    /// A judge by other rules who goes on counting.
    pub fn under(&self, policy: WarningPolicy) -> Self {
        Self { policy, shows_all: self.shows_all, counts: Arc::clone(&self.counts) }
    }

    /// A problem as it is to be told; none if it is not.
    pub fn judge(&self, problem: Diagnostic) -> Option<Diagnostic> {
        let is_warning = problem.severity == Severity::Warning;
        let kind = problem.warning_name().filter(|kind| is_warning && kind.is_summed_up());
        let judged = self.policy.judge(problem);
        let Some(kind) = kind else { return judged };
        match judged {
            // The command ends with it.
            Some(problem) if problem.is_error() => Some(problem),
            judged => {
                let first = self.count(kind) == 1;
                judged.filter(|_| first || self.shows_all)
            }
        }
    }

    fn count(&self, kind: Warning) -> usize {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                counts.push((kind, 1));
                1
            }
        }
    }

    /// Tells what deprecations there were. Whether that is to be an error, which it is only if asked for by name.
    pub fn sum_up(&self, sink: &dyn EventSink) -> bool {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.is_empty() {
            return false;
        }
        match self.policy.treatment(warnings::DEPRECATIONS_SUMMARY) {
            Treatment::Silence => false,
            Treatment::Warning => {
                sink.emit(&Event::DeprecationsCounted { counts: &counts, shows_all: self.shows_all });
                false
            }
            Treatment::Error => {
                let kinds: Vec<&str> = counts.iter().map(|(kind, _)| kind.name).collect();
                let message = format!("there are deprecations: {}", kinds.join(", "));
                let problem = Diagnostic::error(codes::DEPRECATED, message);
                let help = format!("`warn_error_options` makes {} an error", warnings::DEPRECATIONS_SUMMARY.name);
                sink.emit(&Event::Problem(&problem.help(help)));
                true
            }
        }
    }
}
