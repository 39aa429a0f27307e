//! Loops over the views, written by hand.

use bytes::Bytes;
use otlp::edit::{At, Changes, Editor, Level, Levels, Route, Verdict, Visitor};
use otlp::{Malformed, Signal};

/// Whether a message passes.
pub(crate) type Test<'h> = &'h dyn Fn(&[u8]) -> Result<bool, Malformed>;
/// Writes what a span becomes and says whether it changed.
pub(crate) type Splice<'h> = &'h dyn Fn(&[u8], &mut Vec<u8>) -> Result<bool, Malformed>;

/// What the loop does.
#[derive(Clone, Copy)]
enum Work<'h> {
    Drop(Test<'h>),
    Edit(Splice<'h>),
    Both(Test<'h>, Splice<'h>),
}

/// A loop over the views, written by hand.
pub(crate) struct Hand<'h> {
    editor: Editor,
    route: Route,
    work: Work<'h>,
    out: Vec<u8>,
}

impl<'h> Hand<'h> {
    fn new(level: Level, work: Work<'h>, prunes: Levels) -> Self {
        let route = Route { prunes, ..Route::visiting(Signal::Traces, &[level]) };
        Self { editor: Editor::default(), route, work, out: Vec::new() }
    }

    pub(crate) fn dropping(test: Test<'h>) -> Self {
        let groups = Levels::of(&[Level::Resource, Level::Scope]);
        Self::new(Level::Record, Work::Drop(test), groups)
    }

    pub(crate) fn dropping_and_editing(test: Test<'h>, splice: Splice<'h>) -> Self {
        let groups = Levels::of(&[Level::Resource, Level::Scope]);
        Self::new(Level::Record, Work::Both(test, splice), groups)
    }

    pub(crate) fn selecting(test: Test<'h>) -> Self {
        Self::new(Level::Resource, Work::Drop(test), Levels::NONE)
    }

    pub(crate) fn editing(splice: Splice<'h>) -> Self {
        Self::new(Level::Record, Work::Edit(splice), Levels::NONE)
    }

    pub(crate) fn run(&mut self, body: &Bytes) -> Bytes {
        let mut visit = Visit { work: self.work, out: &mut self.out };
        self.editor.run(&self.route, body, &mut visit).expect("a request");
        self.editor.body(body)
    }
}

struct Visit<'v> {
    work: Work<'v>,
    out: &'v mut Vec<u8>,
}

impl Visitor for Visit<'_> {
    type Error = Malformed;

    fn visit(&mut self, at: At<'_>, changes: &mut Changes) -> Result<Verdict, Malformed> {
        if let Work::Drop(test) | Work::Both(test, _) = self.work
            && test(at.message())?
        {
            return Ok(Verdict::Drop);
        }
        if let Work::Edit(splice) | Work::Both(_, splice) = self.work {
            self.out.clear();
            if splice(at.message(), self.out)? {
                changes.replace(at.level, self.out);
            }
        }
        Ok(Verdict::Keep)
    }
}
