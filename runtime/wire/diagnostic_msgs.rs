//! Messages of the package `diagnostic_msgs`.

use super::cdr::{CdrError, CdrReader, CdrWriter};
use super::common::Header;
use super::message::Message;
use crate::status::Status;

/// `diagnostic_msgs/msg/DiagnosticStatus`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DiagnosticStatus {
    /// 0 ok, 1 warn, 2 error, 3 stale.
    pub level: u8,
    /// Its subject.
    pub name: String,
    /// One line for people.
    pub message: String,
    /// Which device.
    pub hardware_id: String,
    /// Figures by name.
    pub values: Vec<(String, String)>,
}

impl DiagnosticStatus {
    /// An entry of this name that is well (level 0), with these figures.
    #[must_use]
    pub fn well(name: &str, values: &[(&str, String)]) -> Self {
        let values = values.iter();
        Self {
            name: name.to_owned(),
            values: values
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            ..Self::default()
        }
    }
}

/// `diagnostic_msgs/msg/DiagnosticArray`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DiagnosticArray {
    /// When it was made.
    pub header: Header,
    /// One for each thing that has a state.
    pub status: Vec<DiagnosticStatus>,
}

impl From<&Status> for DiagnosticArray {
    fn from(status: &Status) -> Self {
        let entries = status.entries.iter();
        Self {
            header: Header {
                stamp: status.stamp,
                frame_id: String::new(),
            },
            status: entries
                .map(|entry| DiagnosticStatus {
                    level: entry.health as u8,
                    name: entry.name.clone(),
                    message: entry.message.clone(),
                    hardware_id: String::new(),
                    values: entry.values.clone(),
                })
                .collect(),
        }
    }
}

impl<'a> Message<'a> for DiagnosticArray {
    const TYPE: &'static str = "diagnostic_msgs/msg/DiagnosticArray";

    fn write(&self, writer: &mut CdrWriter<'_>) {
        self.header.write(writer);
        writer.count(self.status.len());
        for status in &self.status {
            writer.u8(status.level);
            writer.string(&status.name);
            writer.string(&status.message);
            writer.string(&status.hardware_id);
            writer.count(status.values.len());
            for (key, value) in &status.values {
                writer.string(key);
                writer.string(value);
            }
        }
    }

    fn read(reader: &mut CdrReader<'a>) -> Result<Self, CdrError> {
        Ok(Self {
            header: Header::read(reader)?,
            status: reader.sequence("status", 17, |reader| {
                Ok(DiagnosticStatus {
                    level: reader.u8("level")?,
                    name: reader.string("name")?.to_owned(),
                    message: reader.string("message")?.to_owned(),
                    hardware_id: reader.string("hardware_id")?.to_owned(),
                    values: reader.sequence("values", 8, |reader| {
                        let key = reader.string("values.key")?.to_owned();
                        Ok((key, reader.string("values.value")?.to_owned()))
                    })?,
                })
            })?,
        })
    }
}
