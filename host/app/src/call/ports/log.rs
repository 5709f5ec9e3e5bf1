//! Redacts the log lines of a call, and reports each as an event.

use sedge_model::call::LogLine;
use sedge_runtime::LogPort;

use super::CallPorts;
use crate::events::Event;

impl LogPort for CallPorts {
    fn logged(&self, line: &mut LogLine) {
        self.door().line(line);
        self.cx.event(Event::Logged {
            model: self.identity().model.clone(),
            method: self.identity().method.clone(),
            line: line.clone(),
        });
    }
}
