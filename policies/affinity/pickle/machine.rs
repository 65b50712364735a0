//! Runs the few instructions that a dictionary of numbers needs.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::opcode::{self as op, describe};
use super::value::{Dtype, Global, Numbers, Value};
use crate::affinity::fault::TableFault;
use crate::affinity::table::MAX_ROWS;
use crate::fault::shown;

/// Most values on the stack: Python writes a thousand entries at a time.
const MAX_STACK: usize = 10_000;
/// Most values that are remembered; Python remembers some four per entry.
const MAX_MEMO: usize = 1_000_000;
/// How deep tuples may be nested; numpy needs two.
const MAX_DEPTH: usize = 8;
/// Longest name of a function or class, in bytes.
const MAX_GLOBAL_BYTES: usize = 128;

type Ran<T> = Result<T, TableFault>;

/// The names and numbers of a pickled dictionary, in its order.
pub(super) fn numbers(bytes: &[u8]) -> Ran<Vec<(Rc<str>, f64)>> {
    let mut machine = Machine {
        bytes,
        at: 0,
        begin: 0,
        stack: Vec::new(),
        memo: HashMap::new(),
    };
    let result = machine.run()?;
    let left = bytes.len() - machine.at;
    if left > 0 {
        return Err(TableFault::PickleTrailing { bytes: left });
    }
    match result {
        Value::Dict(numbers) => Ok(numbers.take()),
        other => Err(TableFault::PickleShape {
            found: other.describe().to_owned(),
        }),
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    /// The next byte to read.
    at: usize,
    /// Where the current instruction begins.
    begin: usize,
    stack: Vec<Value>,
    memo: HashMap<u32, Value>,
}

impl<'a> Machine<'a> {
    /// Runs up to the end and returns what is left.
    fn run(&mut self) -> Ran<Value> {
        loop {
            self.begin = self.at;
            let opcode = self.take(1)?[0];
            if opcode == op::STOP {
                let result = self.pop()?;
                return match self.stack.is_empty() {
                    true => Ok(result),
                    false => self.malformed("values are left over"),
                };
            }
            self.step(opcode)?;
        }
    }

    fn step(&mut self, opcode: u8) -> Ran<()> {
        match opcode {
            op::PROTO => self.protocol(),
            // How the rest is cut into pieces does not matter here.
            op::FRAME => self.take(8).map(|_| ()),
            op::MARK => self.push(Value::Mark),
            op::NONE => self.push(Value::None),
            op::NEWTRUE | op::NEWFALSE => self.push(Value::Bool),
            op::BININT | op::BININT1 | op::BININT2 => self.integer(opcode),
            op::BINFLOAT => {
                let number = f64::from_be_bytes(self.array()?);
                self.push(Value::Number(number))
            }
            op::SHORT_BINSTRING | op::BINSTRING => self.string(opcode == op::SHORT_BINSTRING),
            op::SHORT_BINBYTES | op::BINBYTES => {
                let bytes = self.counted(opcode == op::SHORT_BINBYTES)?;
                self.push(Value::Bytes(bytes.into()))
            }
            op::SHORT_BINUNICODE | op::BINUNICODE => {
                let bytes = self.counted(opcode == op::SHORT_BINUNICODE)?;
                let text = self.utf8(bytes)?;
                self.push(Value::Text(text.into()))
            }
            op::EMPTY_TUPLE => self.tuple(0),
            op::TUPLE1 => self.tuple(1),
            op::TUPLE2 => self.tuple(2),
            op::TUPLE3 => self.tuple(3),
            op::TUPLE => {
                let items = self.since_mark()?;
                self.push_tuple(items)
            }
            op::EMPTY_DICT => self.push(Value::Dict(Numbers::default())),
            op::SETITEM => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(vec![key, value])
            }
            op::SETITEMS => {
                let items = self.since_mark()?;
                self.set(items)
            }
            op::GLOBAL => self.global(),
            op::STACK_GLOBAL => self.stack_global(),
            op::REDUCE => self.reduce(),
            op::BUILD => self.build(),
            op::BINGET => {
                let key = self.take(1)?[0].into();
                self.recall(key)
            }
            op::LONG_BINGET => {
                let key = u32::from_le_bytes(self.array()?);
                self.recall(key)
            }
            op::BINPUT => {
                let key = self.take(1)?[0].into();
                self.remember(key)
            }
            op::LONG_BINPUT => {
                let key = u32::from_le_bytes(self.array()?);
                self.remember(key)
            }
            op::MEMOIZE => self.remember(self.memo.len() as u32),
            _ => Err(TableFault::PickleOpcode {
                opcode: describe(opcode),
                offset: self.begin,
            }),
        }
    }

    fn protocol(&mut self) -> Ran<()> {
        match self.take(1)?[0] {
            2..=4 => Ok(()),
            _ => self.malformed("a protocol other than 2, 3 and 4"),
        }
    }

    fn integer(&mut self, opcode: u8) -> Ran<()> {
        let number = match opcode {
            op::BININT => i32::from_le_bytes(self.array()?).into(),
            op::BININT2 => u16::from_le_bytes(self.array()?).into(),
            _ => self.take(1)?[0].into(),
        };
        self.push(Value::Int(number))
    }

    /// A string of Python 2: text where it is ASCII, else bytes.
    fn string(&mut self, short: bool) -> Ran<()> {
        let bytes = self.counted(short)?;
        let value = match std::str::from_utf8(bytes) {
            Ok(text) if text.is_ascii() => Value::Text(text.into()),
            _ => Value::Bytes(bytes.into()),
        };
        self.push(value)
    }

    fn tuple(&mut self, length: usize) -> Ran<()> {
        if self.stack.len() < length {
            return self.malformed("a tuple of more than there is");
        }
        let items = self.stack.split_off(self.stack.len() - length);
        self.push_tuple(items)
    }

    fn push_tuple(&mut self, items: Vec<Value>) -> Ran<()> {
        let depth = 1 + items.iter().map(Value::depth).max().unwrap_or(0);
        if depth > MAX_DEPTH {
            return self.limit("tuples inside one another", MAX_DEPTH);
        }
        self.push(Value::Tuple(items.into(), depth))
    }

    /// Sets names and numbers, alternating, in the dictionary on the stack.
    fn set(&mut self, items: Vec<Value>) -> Ran<()> {
        let Some(Value::Dict(numbers)) = self.stack.last() else {
            return self.malformed("entries without a dictionary");
        };
        let numbers = Rc::clone(numbers);
        let mut numbers = numbers.borrow_mut();
        let mut pairs = items.chunks_exact(2);
        for pair in pairs.by_ref() {
            let (Value::Text(key), Some(number)) = (&pair[0], pair[1].number()) else {
                let (key, value) = (pair[0].describe(), pair[1].describe());
                return Err(TableFault::PickleShape {
                    found: format!("a dictionary in which {key} names {value}"),
                });
            };
            if numbers.len() == MAX_ROWS {
                return self.limit("entries", MAX_ROWS);
            }
            numbers.push((Rc::clone(key), number));
        }
        match pairs.remainder() {
            [] => Ok(()),
            _ => self.malformed("a name without a number"),
        }
    }

    fn global(&mut self) -> Ran<()> {
        let module = self.line()?.to_owned();
        let name = self.line()?.to_owned();
        self.push_global(&module, &name)
    }

    fn stack_global(&mut self) -> Ran<()> {
        match (self.pop()?, self.pop()?) {
            (Value::Text(name), Value::Text(module)) => self.push_global(&module, &name),
            _ => self.malformed("a name that is no text"),
        }
    }

    fn push_global(&mut self, module: &str, name: &str) -> Ran<()> {
        let Some(global) = Global::find(module, name) else {
            return Err(TableFault::PickleGlobal {
                name: shown(&format!("{module}.{name}"), MAX_GLOBAL_BYTES),
                offset: self.begin,
            });
        };
        self.push(Value::Global(global))
    }

    /// Calls a function: only those that make numbers.
    fn reduce(&mut self) -> Ran<()> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let (Value::Global(function), Value::Tuple(arguments, _)) = (function, arguments) else {
            return self.malformed("a call of what is no function");
        };
        let value = match (function, &arguments[..]) {
            (Global::Encode, [Value::Text(text), Value::Text(code)]) if is_latin1(code) => {
                latin1(text).map(|bytes| Value::Bytes(bytes.into()))
            }
            (Global::Dtype, [Value::Text(code), ..]) => {
                Dtype::find(code).map(|dtype| Value::Dtype(Rc::new(Cell::new(dtype))))
            }
            (Global::Scalar, [Value::Dtype(dtype), Value::Bytes(bytes)]) => {
                dtype.get().number(bytes).map(Value::Number)
            }
            // Python 2 writes bytes that happen to be ASCII as a string.
            (Global::Scalar, [Value::Dtype(dtype), Value::Text(bytes)]) => {
                dtype.get().number(bytes.as_bytes()).map(Value::Number)
            }
            (Global::Reconstruct, [Value::Global(Global::Ndarray), ..]) => {
                Some(Value::Array(Rc::new(Cell::new(None))))
            }
            (Global::OrderedDict, []) => Some(Value::Dict(Rc::new(RefCell::new(Vec::new())))),
            _ => None,
        };
        match value {
            Some(value) => self.push(value),
            None => self.malformed("a call with other arguments than a number's"),
        }
    }

    /// Completes a dtype with its order of bytes, or an array with its number.
    fn build(&mut self) -> Ran<()> {
        let state = self.pop()?;
        let Value::Tuple(state, _) = state else {
            return self.malformed("a state that is no tuple");
        };
        match (self.stack.last(), &state[..]) {
            (Some(Value::Dtype(dtype)), [Value::Int(_), Value::Text(order), ..]) => {
                let big_endian = match &**order {
                    ">" => true,
                    "<" | "=" | "|" => false,
                    _ => return self.malformed("an unknown order of bytes"),
                };
                let bytes = dtype.get().bytes;
                dtype.set(Dtype { bytes, big_endian });
                Ok(())
            }
            (Some(Value::Array(array)), [Value::Int(_), _, Value::Dtype(dtype), _, data]) => {
                let number = match data {
                    Value::Bytes(bytes) => dtype.get().number(bytes),
                    Value::Text(bytes) => dtype.get().number(bytes.as_bytes()),
                    _ => None,
                };
                array.set(number);
                match number {
                    Some(_) => Ok(()),
                    None => self.malformed("an array of other than one number"),
                }
            }
            _ => self.malformed("a state of what has none"),
        }
    }

    fn remember(&mut self, key: u32) -> Ran<()> {
        let Some(value) = self.stack.last() else {
            return self.malformed("nothing to remember");
        };
        self.memo.insert(key, value.clone());
        match self.memo.len() > MAX_MEMO {
            true => self.limit("values to remember", MAX_MEMO),
            false => Ok(()),
        }
    }

    fn recall(&mut self, key: u32) -> Ran<()> {
        match self.memo.get(&key).cloned() {
            Some(value) => self.push(value),
            None => self.malformed("something that was never remembered"),
        }
    }

    fn push(&mut self, value: Value) -> Ran<()> {
        if self.stack.len() == MAX_STACK {
            return self.limit("values on the stack", MAX_STACK);
        }
        self.stack.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Ran<Value> {
        match self.stack.pop() {
            Some(value) => Ok(value),
            None => self.malformed("too few values on the stack"),
        }
    }

    /// What stands above the topmost mark, which goes too.
    fn since_mark(&mut self) -> Ran<Vec<Value>> {
        let is_mark = |value: &Value| matches!(value, Value::Mark);
        let Some(mark) = self.stack.iter().rposition(is_mark) else {
            return self.malformed("no mark");
        };
        let items = self.stack.split_off(mark + 1);
        self.stack.pop();
        Ok(items)
    }

    fn take(&mut self, count: usize) -> Ran<&'a [u8]> {
        match self.bytes[self.at..].get(..count) {
            Some(bytes) => {
                self.at += count;
                Ok(bytes)
            }
            None => Err(TableFault::PickleTruncated {
                bytes: self.bytes.len(),
            }),
        }
    }

    fn array<const N: usize>(&mut self) -> Ran<[u8; N]> {
        let bytes = self.take(N)?;
        Ok(bytes.try_into().expect("as many as were asked for"))
    }

    /// Bytes after their number, which has one byte or four.
    fn counted(&mut self, short: bool) -> Ran<&'a [u8]> {
        let count = match short {
            true => self.take(1)?[0].into(),
            false => u32::from_le_bytes(self.array()?) as usize,
        };
        self.take(count)
    }

    /// Text up to the end of its line.
    fn line(&mut self) -> Ran<&'a str> {
        let rest = &self.bytes[self.at..];
        let window = &rest[..rest.len().min(MAX_GLOBAL_BYTES)];
        let Some(length) = window.iter().position(|&byte| byte == b'\n') else {
            return match rest.len() > MAX_GLOBAL_BYTES {
                true => self.limit("bytes in a name", MAX_GLOBAL_BYTES),
                false => self.take(rest.len() + 1).map(|_| ""),
            };
        };
        let line = self.take(length)?;
        self.take(1)?;
        self.utf8(line)
    }

    fn utf8(&self, bytes: &'a [u8]) -> Ran<&'a str> {
        std::str::from_utf8(bytes).or_else(|_| self.malformed("text that is not utf-8"))
    }

    fn malformed<T>(&self, trouble: &'static str) -> Ran<T> {
        let offset = self.begin;
        Err(TableFault::PickleMalformed { trouble, offset })
    }

    fn limit<T>(&self, what: &'static str, limit: usize) -> Ran<T> {
        let offset = self.begin;
        Err(TableFault::PickleLimit {
            what,
            limit,
            offset,
        })
    }
}

fn is_latin1(code: &str) -> bool {
    matches!(code, "latin1" | "latin-1" | "iso-8859-1")
}

/// Text as one byte per letter, if it has no others.
fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars()
        .map(|letter| u8::try_from(letter).ok())
        .collect()
}
