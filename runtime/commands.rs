//! Velocity commands as they come in: the newest counts, all are counted.

use crate::wire::geometry_msgs::Twist;
use crate::wire::{CdrError, Message};

/// Fastest velocity that can be meant, m/s and rad/s.
pub const MAX_VELOCITY: f64 = 100.0;

/// Why bytes are no velocity command.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandFault {
    /// The publisher says that it is something else.
    #[error("command is a {name}, but must be a {}", Twist::TYPE)]
    Type {
        /// Full name of the type, at most 256 characters.
        name: String,
    },
    /// Longer or shorter than the message.
    #[error("command has {got} bytes, but a {} has {}", Twist::TYPE, Twist::BYTES)]
    Length {
        /// Bytes.
        got: usize,
    },
    /// Not CDR.
    #[error(transparent)]
    Cdr(#[from] CdrError),
    /// Not a number, or beyond all bounds.
    #[error("{name} of the command is {value}, but must be finite and within ±{MAX_VELOCITY}")]
    Velocity {
        /// Which of the six.
        name: &'static str,
        /// m/s or rad/s.
        value: f64,
    },
}

/// Reads a velocity command, given the type that its publisher names.
///
/// # Errors
/// Anything but a whole [`Twist`] of velocities that can be meant.
pub fn read_command(message_type: Option<&str>, payload: &[u8]) -> Result<Twist, CommandFault> {
    if let Some(name) = message_type.filter(|name| *name != Twist::TYPE) {
        let name = name.chars().take(256).collect();
        return Err(CommandFault::Type { name });
    }
    let got = payload.len();
    if got != Twist::BYTES {
        return Err(CommandFault::Length { got });
    }
    let twist = Twist::decode(payload)?;
    const NAMES: [&str; 6] = [
        "linear.x",
        "linear.y",
        "linear.z",
        "angular.x",
        "angular.y",
        "angular.z",
    ];
    for (name, value) in NAMES
        .into_iter()
        .zip(twist.linear.into_iter().chain(twist.angular))
    {
        // False for what is not a number.
        let is_sound = value.abs() <= MAX_VELOCITY;
        if !is_sound {
            return Err(CommandFault::Velocity { name, value });
        }
    }
    Ok(twist)
}

/// Counts of commands: `received = taken + replaced + refused`, and at
/// most one that waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct CommandCounts {
    /// Came.
    pub received: u64,
    /// Were acted on.
    pub taken: u64,
    /// A newer one came before they were taken.
    pub replaced: u64,
    /// Were no commands.
    pub refused: u64,
}

/// Holds the newest command alone, however fast they come.
#[derive(Debug, Default)]
pub struct Commands {
    newest: Option<Twist>,
    counts: CommandCounts,
    last_fault: Option<CommandFault>,
}

impl Commands {
    /// Takes note of what came. A fault leaves the newest command as it is.
    pub fn put(&mut self, command: Result<Twist, CommandFault>) {
        self.counts.received += 1;
        match command {
            Ok(twist) => {
                let before = self.newest.replace(twist);
                self.counts.replaced += u64::from(before.is_some());
            }
            Err(fault) => {
                self.counts.refused += 1;
                self.last_fault = Some(fault);
            }
        }
    }

    /// The newest command, if none took it yet.
    pub fn take(&mut self) -> Option<Twist> {
        let taken = self.newest.take();
        self.counts.taken += u64::from(taken.is_some());
        taken
    }

    /// Counts of all.
    #[must_use]
    pub fn counts(&self) -> CommandCounts {
        self.counts
    }

    /// Why the last refused one was refused.
    #[must_use]
    pub fn last_fault(&self) -> Option<&CommandFault> {
        self.last_fault.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(linear: f64, angular: f64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let twist = Twist {
            linear: [linear, 0.0, 0.0],
            angular: [0.0, 0.0, angular],
        };
        twist.encode(&mut bytes);
        bytes
    }

    #[test]
    fn a_command_is_as_long_as_its_message() {
        assert_eq!(bytes(0.0, 0.0).len(), Twist::BYTES);
        let twist = read_command(Some(Twist::TYPE), &bytes(0.3, -0.5)).expect("a command");
        assert_eq!((twist.linear[0], twist.angular[2]), (0.3, -0.5));
        assert!(read_command(None, &bytes(0.3, -0.5)).is_ok());
    }

    #[test]
    fn what_is_no_command_is_refused_with_the_rule() {
        let refused = |name, payload: &[u8]| {
            read_command(name, payload)
                .expect_err("a refusal")
                .to_string()
        };
        assert_eq!(
            refused(Some("geometry_msgs/msg/TwistStamped"), &bytes(0.0, 0.0)),
            "command is a geometry_msgs/msg/TwistStamped, but must be a geometry_msgs/msg/Twist"
        );
        for length in [0, 4, 51, 53, 100_000] {
            assert_eq!(
                refused(None, &vec![0; length]),
                format!("command has {length} bytes, but a geometry_msgs/msg/Twist has 52")
            );
        }
        let mut big_endian = bytes(0.0, 0.0);
        big_endian[1] = 0;
        assert!(refused(None, &big_endian).contains("little-endian"));
        for (value, shown) in [
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (1e3, "1000"),
            (-100.1, "-100.1"),
        ] {
            assert_eq!(
                refused(None, &bytes(0.0, value)),
                format!("angular.z of the command is {shown}, but must be finite and within ±100")
            );
            assert!(read_command(None, &bytes(value, 0.0)).is_err());
        }
    }

    #[test]
    fn of_a_flood_the_newest_is_kept_and_every_other_is_counted() {
        let mut commands = Commands::default();
        for number in 0..10_000 {
            let payload = bytes(f64::from(number) / 1e4, 0.0);
            commands.put(read_command(None, &payload));
            commands.put(read_command(None, b"no command"));
        }
        assert_eq!(commands.take().map(|twist| twist.linear[0]), Some(0.9999));
        assert_eq!(commands.take(), None);
        let counts = CommandCounts {
            received: 20_000,
            taken: 1,
            replaced: 9_999,
            refused: 10_000,
        };
        assert_eq!(commands.counts(), counts);
        assert_eq!(
            commands.last_fault(),
            Some(&CommandFault::Length { got: 10 })
        );
    }
}
