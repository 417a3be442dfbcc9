//! Problems of the profile told with their places in profiles.yml.
//!
//! In: the stream of events; the profile. Out: the same stream; what is about an option of the profile is marked there. The
//! rooms that meet such problems know the option, but not the file.

use std::sync::Arc;

use crate::execute::PROFILE_OPTION;
use crate::execute::event::{Event, EventSink};
use crate::load::Profile;

/// Passes events on.
pub struct ProfilePlaces {
    sink: Arc<dyn EventSink>,
    profile: Profile,
}

impl ProfilePlaces {
    /// The stream of a command that works with a profile.
    pub fn new(sink: Arc<dyn EventSink>, profile: &Profile) -> Self {
        Self { sink, profile: profile.clone() }
    }
}

impl EventSink for ProfilePlaces {
    fn emit(&self, event: &Event<'_>) {
        if let Event::Problem(problem) = event
            && problem.span.is_none()
            && let Some((_, option)) = problem.facts.iter().find(|(name, _)| *name == PROFILE_OPTION)
        {
            let placed = (*problem).clone().at(self.profile.place(option));
            return self.sink.emit(&Event::Problem(&placed));
        }
        self.sink.emit(event);
    }
}
