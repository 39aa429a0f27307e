//! Any bytes under the editor: no panic; keeping everything gives the same bytes; where prost reads
//! a request, the result of editing it can be read again and holds as many records as were left.

#![no_main]

use libfuzzer_sys::fuzz_target;
use otlp::edit::{At, Changes, Editor, Level, Levels, Route, Verdict, Visitor, fields};
use otlp::{Malformed, Signal, check, check_deep};

/// Lets bits decide: keep, drop, replace the message or one around it, append a sibling.
struct ByBits {
    bits: u64,
    routed: Levels,
}

impl Visitor for ByBits {
    type Error = Malformed;

    fn visit(&mut self, at: At<'_>, changes: &mut Changes) -> Result<Verdict, Malformed> {
        self.bits = self.bits.rotate_left(3);
        match self.bits & 7 {
            0 => return Ok(Verdict::Drop),
            1 => self.edit(at, at.level, changes)?,
            2 => self.edit(at, Level::Resource, changes)?,
            3 if at.level > Level::Scope => self.edit(at, Level::Scope, changes)?,
            4 if at.level > Level::Record => self.edit(at, Level::Record, changes)?,
            5 if at.level == Level::Record => drop(changes.append(at.message().to_vec())),
            _ => {}
        }
        Ok(Verdict::Keep)
    }
}

impl ByBits {
    fn edit(&self, at: At<'_>, level: Level, changes: &mut Changes) -> Result<(), Malformed> {
        if !self.routed.has(level) {
            return Ok(());
        }
        let mut out = Vec::new();
        fields::put_attribute(at.message_of(level), 1000, b"key", b"", &mut out)?;
        changes.replace(level, &out);
        Ok(())
    }
}

struct KeepAll;

impl Visitor for KeepAll {
    type Error = Malformed;

    fn visit(&mut self, _: At<'_>, _: &mut Changes) -> Result<Verdict, Malformed> {
        Ok(Verdict::Keep)
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((head, bytes)) = input.split_first_chunk::<9>() else { return };
    let signal = Signal::ALL[usize::from(head[0]) % Signal::ALL.len()];
    let all = Levels::of(&Level::ALL);
    let mut route = Route::visiting(signal, &Level::ALL);
    route.writes = all;
    let mut editor = Editor::default();
    if let Ok(summary) = editor.run(&route, bytes, &mut KeepAll) {
        assert!(!summary.is_changed);
        assert_eq!(written(&editor, bytes), bytes);
    }
    let bits = u64::from_le_bytes(head[1..].try_into().expect("eight bytes"));
    let sound = check_deep(signal, bytes);
    match editor.run(&route, bytes, &mut ByBits { bits, routed: all }) {
        Ok(_) if sound.is_ok() => {
            check(signal, &written(&editor, bytes)).expect("what was sound stays sound");
        }
        Ok(_) => drop(written(&editor, bytes)),
        Err(_) => assert!(sound.is_err(), "what is sound can be walked"),
    }
});

fn written(editor: &Editor, request: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    editor.write(request, &mut out);
    assert_eq!(out.len() as u64, editor.bytes());
    out
}
