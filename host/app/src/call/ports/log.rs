//! Redacts the log lines of a call, and reports each as an event.

use sedge_model::call::LogLine;
use sedge_runtime::LogPort;

use super::CallPorts;
use crate::events::Event;

impl LogPort for CallPorts {
    fn logged(&self, line: &mut LogLine) {
        self.redactor().line(line);
        self.cx.event(Event::Logged {
            call: self.identity().lineage.clone(),
            step: self.identity().step.clone(),
            model: self.identity().model.clone(),
            method: self.identity().method.clone(),
            line: line.clone(),
        });
    }
}
