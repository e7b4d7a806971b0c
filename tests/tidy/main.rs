//! The rules about the sources that the compiler does not know: the ladder (imports point down),
//! one owner for each hazard, an essay at the top of every file, and no file too long to read.
//!
//! The tables come first and say what the rules are. They are policy: when this test fails, move
//! the code, or change the policy on purpose and say why in the commit. Tests inside `src` (a file
//! `tests.rs` or a folder `tests`) are not held to anything here.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

mod tokens;
use tokens::{Token, is_word, text, tokenize};

/// The ladder, lowest rung first. A module may name itself, with all that is below it in the tree,
/// and what stands on lower rungs. `*` is any one name that is not listed; `lib` is lib.rs.
const LADDER: &str = "
    sys  util
    runtime::*
    runtime::p  runtime::m
    runtime::sched
    runtime
    chan  sync  go  local
    time
    context  net  io  signal  scope  guide
    group
    lib
";

/// The gate. Modules on one rung may name each other below it, but not above it; and whoever
/// stands above it names nothing below it but the lowest rung.
const GATE: &str = "runtime";

/// Neighbours above the gate of whom the first may name the second all the same.
const NEIGHBOURS: &[(&str, &str)] = &[
    ("sync", "go"),        // WaitGroup::go spawns, and returns a JoinHandle
    ("io", "net"),         // a Pollable is a descriptor as a socket is
    ("go", "chan"),        // JoinHandle::done is a channel
    ("signal", "context"), // a signal can end a context
];

/// A name (with `!` a macro), the one file or folder that may use it, and the reason.
const OWNED: &str = "
    corosensei       src/runtime/coro.rs  one file switches stacks
    crossbeam_deque  src/runtime/runq.rs  one file owns the run queue
    parking_lot      src/sys/             the locks of the runtime come from sys
    libc             src/sys/             FFI lives in sys
    thread_local!    src/runtime/m.rs     a goroutine changes threads
    println!         nowhere              a library does not print
    print!           nowhere              a library does not print
    dbg!             nowhere              a library does not print
";

/// A file longer than this wants to be two.
const LINES_MAX: usize = 500;

/// Where the rules hold: in `src` all of them, elsewhere those about length and essay.
const FOLDERS: &[&str] = &["src", "macros/src", "examples"];

#[test]
fn the_sources_keep_the_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for folder in FOLDERS {
        let before = sources.len();
        read_sources(root, folder, &mut sources);
        assert!(sources.len() > before, "no sources in {folder}");
    }
    let broken = check(&sources).join("\n");
    assert!(broken.is_empty(), "these rules are broken:\n{broken}\n");
}

/// A file to check, and its path from the root of the project.
struct Source {
    path: String,
    text: String,
}

fn read_sources(root: &Path, folder: &str, sources: &mut Vec<Source>) {
    let listing = fs::read_dir(root.join(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let mut entries: Vec<_> = listing.map(|entry| entry.expect(folder)).collect();
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let name = entry.file_name().into_string().expect("a name in Unicode");
        let path = format!("{folder}/{name}");
        if entry.file_type().expect(&path).is_dir() {
            if name != "tests" {
                read_sources(root, &path, sources);
            }
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let text = fs::read_to_string(entry.path()).expect(&path);
            sources.push(Source { path, text });
        }
    }
}

/// Returns a message for each broken rule: the place, what was found, and why it is wrong.
fn check(sources: &[Source]) -> Vec<String> {
    let modules: BTreeSet<String> = sources.iter().filter_map(module_of).collect();
    let mut broken = Vec::new();
    for source in sources {
        let mut tell = |line: usize, what: String| {
            broken.push(format!("{}:{line}: {what}", source.path));
        };
        if !source.text.starts_with("//! ") {
            tell(1, "does not open with a `//!` line".into());
        }
        let lines = source.text.lines().count();
        if lines > LINES_MAX {
            tell(lines, format!("is longer than {LINES_MAX} lines"));
        }
        if let Some(module) = module_of(source) {
            let tokens = tokenize(&source.text);
            check_owned(&source.path, &tokens, &mut tell);
            check_ladder(&module, &tokens, &modules, &mut tell);
        }
    }
    broken
}

/// The module that a file of the library is (lib.rs is ""); `None` for files elsewhere.
fn module_of(source: &Source) -> Option<String> {
    let path = source.path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    Some(if path == "lib" {
        String::new()
    } else {
        path.replace('/', "::")
    })
}

fn check_owned(path: &str, tokens: &[Token], tell: &mut impl FnMut(usize, String)) {
    for row in OWNED.lines().filter(|row| !row.is_empty()) {
        let columns: Vec<_> = row
            .split("  ")
            .map(str::trim)
            .filter(|c| !c.is_empty())
            .collect();
        let [name, owner, why] = columns[..] else {
            panic!("three columns, two blanks apart: {row}")
        };
        if path.starts_with(owner) {
            continue;
        }
        for (i, token) in tokens.iter().enumerate() {
            let is_macro = text(tokens, i + 1) == "!";
            if token.text == name || is_macro && name.strip_suffix('!') == Some(&token.text) {
                tell(token.line, format!("`{name}` belongs in {owner}: {why}"));
            }
        }
    }
}

/// Where a module stands: the rung, and the name under which it is there (`*` replaced).
struct Place {
    rung: usize,
    name: String,
}

fn place_of(module: &str) -> Option<Place> {
    let find = |name: &str| {
        let mut rungs = LADDER.lines().filter(|rung| !rung.is_empty());
        rungs.position(|rung| rung.split_whitespace().any(|listed| listed == name))
    };
    let mut name = if module.is_empty() { "lib" } else { module };
    loop {
        let parent = name.rsplit_once("::").map(|(parent, _)| parent);
        let any = || find(&format!("{}::*", parent?));
        if let Some(rung) = find(name).or_else(any) {
            return Some(Place {
                rung,
                name: name.to_string(),
            });
        }
        name = parent?;
    }
}

fn check_ladder(
    module: &str,
    tokens: &[Token],
    modules: &BTreeSet<String>,
    tell: &mut impl FnMut(usize, String),
) {
    let Some(from) = place_of(module) else {
        return tell(1, "is on no rung: give it one in LADDER".into());
    };
    for import in imports(module, tokens) {
        // The longest beginning that is a module is what the path leads to; the rest are its items.
        let mut target = import.path.as_str();
        while !modules.contains(target) && !target.is_empty() {
            target = target.rsplit_once("::").map_or("", |(parent, _)| parent);
        }
        let Some(to) = place_of(target) else { continue }; // told where that file is checked
        if import.in_macro && to.name == "lib" {
            continue;
        }
        if let Some(objection) = objection(&from, &to) {
            let (from, to, path) = (from.name.as_str(), to.name, import.path);
            tell(
                import.line,
                format!("names crate::{path}: {from} {objection} {to}"),
            );
        }
    }
}

/// Why `from` may not name `to`, if so.
fn objection(from: &Place, to: &Place) -> Option<&'static str> {
    let gate = place_of(GATE).expect("the gate is on the ladder").rung;
    let are_neighbours = NEIGHBOURS.contains(&(&from.name, &to.name));
    if to.rung > from.rung {
        Some("stands below")
    } else if from.rung <= gate || from.name == to.name || are_neighbours {
        None
    } else if to.rung == from.rung {
        Some("stands beside, above the gate, and should not know")
    } else if 0 < to.rung && to.rung < gate {
        Some("reaches past the gate to")
    } else {
        None
    }
}

/// A path that starts at `crate`, `super` or `self`, from the crate's root on.
struct Import {
    line: usize,
    path: String,
    /// It began with `$crate`: whoever calls the macro names it, and may name the public face.
    in_macro: bool,
}

fn imports(module: &str, tokens: &[Token]) -> Vec<Import> {
    let mut found = Vec::new();
    let names = module.split("::").filter(|name| !name.is_empty());
    let mut scope: Vec<_> = names.map(String::from).collect();
    let mut depth = 0;
    let mut inline = Vec::new(); // the depths at which modules within the file opened
    let mut i = 0;
    while let Some(token) = tokens.get(i) {
        let before = |n: usize| i.checked_sub(n).map_or("", |at| text(tokens, at));
        let mut next = i + 1;
        match token.text.as_str() {
            "{" => {
                depth += 1;
                if before(2) == "mod" {
                    scope.push(before(1).to_string());
                    inline.push(depth);
                }
            }
            "}" => {
                if inline.last() == Some(&depth) {
                    inline.pop();
                    scope.pop();
                }
                depth -= 1;
            }
            start @ ("crate" | "super" | "self") if text(tokens, next) == "::" => {
                let mut path = scope.clone();
                match start {
                    "crate" => path.clear(),
                    "super" => drop(path.pop()),
                    _ => {}
                }
                let mut paths = Vec::new();
                next = walk_path(tokens, next, path, &mut paths);
                let (line, in_macro) = (token.line, before(1) == "$");
                let is_visibility = before(1) == "in" && before(2) == "(" && before(3) == "pub";
                if !is_visibility {
                    found.extend(paths.iter().map(|path| Import {
                        line,
                        path: path.join("::"),
                        in_macro,
                    }));
                }
            }
            _ => {}
        }
        i = next;
    }
    found
}

/// Follows `::name::{a, b::c}` from the `::` at `i`; returns where it stopped.
fn walk_path(
    tokens: &[Token],
    mut i: usize,
    mut path: Vec<String>,
    found: &mut Vec<Vec<String>>,
) -> usize {
    while text(tokens, i) == "::" {
        i += 1;
        match text(tokens, i) {
            "{" => {
                i += 1;
                while !matches!(text(tokens, i), "}" | "") {
                    i = match text(tokens, i) {
                        "," => i + 1,
                        _ => walk_branch(tokens, i, path.clone(), found),
                    };
                }
                return i + 1;
            }
            "super" => drop(path.pop()),
            "self" => {}
            name if is_word(name) => path.push(name.to_string()),
            _ => break, // `*`, or generic arguments
        }
        i += 1;
    }
    found.push(path);
    i
}

/// One of the paths between braces, up to its comma or the closing brace.
fn walk_branch(
    tokens: &[Token],
    i: usize,
    mut path: Vec<String>,
    found: &mut Vec<Vec<String>>,
) -> usize {
    match text(tokens, i) {
        "super" => drop(path.pop()),
        "self" | "*" => {}
        name => path.push(name.to_string()),
    }
    let mut i = walk_path(tokens, i + 1, path, found);
    while !matches!(text(tokens, i), "," | "}" | "") {
        i += 1; // `as name`
    }
    i
}

/// The checker checked, on small sources.
mod checker {
    use super::*;

    /// File, its second line, and a part of the one message expected (none: nothing is broken).
    const CASES: &str = r##"
        Imports point down.
        runtime/sched/park.rs | use crate::sys::lock::Lock;  use super::super::m::M; |
        runtime/sched/park.rs | use super::State;                           |
        runtime/p.rs          | use super::{g::G, m::M};                    |
        chan/raw.rs           | use crate::runtime::{park, ready};          |
        chan/raw.rs           | use super::Sender;                          |
        time.rs               | use crate::chan::Receiver;                  |
        lib.rs                | mod chan; pub use crate::chan::Sender;      |
        runtime/mod.rs        | pub(crate) use self::sched::park::park;     |
        sync/waitgroup.rs     | use crate::go::JoinHandle;                  |
        scope.rs              | use crate::{go::JoinHandle, sync::WaitGroup}; |

        They do not point up.
        sys/mod.rs            | use crate::runtime::g::G;                   | below runtime::g
        runtime/g.rs          | use super::m::M;                            | stands below runtime::m
        runtime/p.rs          | use super::sched::run;                      | stands below runtime::sched
        runtime/p.rs          | use super::ready;                           | below runtime
        runtime/m.rs          | use super::*;                               | below runtime
        runtime/sched/park.rs | fn f() { crate::runtime::ready() }          | below runtime
        chan/raw.rs           | use crate::time::sleep;                     | stands below time
        go.rs                 | use crate::spawn;                           | below lib

        Nor to a neighbour above the gate, nor past the gate.
        chan/raw.rs           | use crate::go::spawn;                       | should not know
        chan/mod.rs           | use crate::runtime::g::G;                   | past the gate
        go.rs                 | use crate::runtime::{spawn, sched::park};   | past the gate
        lib.rs                | use crate::runtime::m::M;                   | past the gate

        Trees are followed into every branch, and modules within a file shift `super`.
        chan/raw.rs           | use crate::{sys::{self, lock::{A as L, *}}, time::{b as c}}; | time::b: chan
        runtime/g.rs          | use super::{coro::Stack, super::chan::Sender}; | stands below chan
        chan/raw.rs           | mod a { mod b { use super::super::X; } } use super::Y; |
        runtime/g.rs          | mod a { use super::super::m::M; }           | stands below runtime::m
        runtime/g.rs          | mod a { fn f() {} } use super::m::M;        | stands below runtime::m

        Visibility is no import, and a macro may name the public face.
        runtime/g.rs          | pub(in crate::runtime) fn f() {}            |
        go.rs                 | macro_rules! m { () => { $crate::__private::f() } } |
        go.rs                 | macro_rules! m { () => { $crate::time::f() } } | stands below time

        Every file has a rung.
        odds_and_ends.rs      |                                             | no rung
        runtime/new_noun.rs   | use super::g::G;                            |

        Each hazard has one owner.
        runtime/coro.rs       | use corosensei::Coroutine;                  |
        sys/mod.rs            | fn f() { unsafe { libc::getpid() } }        |
        runtime/m.rs          | thread_local! { static M: u8 = 0 }          |
        runtime/g.rs          | use corosensei::Coroutine;                  | src/runtime/coro.rs
        runtime/p.rs          | use crossbeam_deque as d;                   | src/runtime/runq.rs
        chan/raw.rs           | use parking_lot::Mutex;                     | src/sys/
        go.rs                 | fn f() { libc::abort() }                    | FFI
        chan/raw.rs           | std::thread_local! {}                       | src/runtime/m.rs
        lib.rs                | fn f() { println!("x") }                    | does not print

        Comments and literals are not code, and code goes on after them.
        chan/raw.rs           | /* libc /* println!() */ libc */ // use crate::time::sleep; |
        chan/raw.rs           | const A: &str = "\" libc"; const B: &str = r#"" libc "#; |
        chan/raw.rs           | const A: char = '"'; const B: &[u8] = b"libc"; const C: u8 = b'\''; |
        chan/raw.rs           | fn f<'a>(c: &'a char) { c == '\u{22}' || c == '\''; libc } | `libc`
    "##;

    #[test]
    fn finds_what_is_wrong_and_nothing_else() {
        let cases = CASES.lines().filter_map(|line| line.split_once(" | "));
        let mut count = 0;
        for (file, case) in cases {
            let (body, reason) = case.rsplit_once('|').expect("three columns");
            let broken = broken_in(&format!("src/{}", file.trim()), body);
            match (reason.trim(), &broken[..]) {
                ("", []) => {}
                ("", _) => panic!("{file}: {body}: nothing is wrong, but found {broken:?}"),
                (reason, [one]) if one.contains(reason) => {}
                (reason, _) => panic!("{file}: {body}: expected `{reason}`, found {broken:?}"),
            }
            count += 1;
        }
        assert!(count > 40, "only {count} cases were read");
    }

    /// Checks `body` as the second line of the file `path`, in a project with files on each rung.
    fn broken_in(path: &str, body: &str) -> Vec<String> {
        let project = "sys/mod runtime/g runtime/coro runtime/runq runtime/p runtime/m \
            runtime/sched/mod runtime/sched/park runtime/mod chan/mod chan/raw sync/mod sync/waitgroup go scope time lib";
        let others = project
            .split_whitespace()
            .map(|name| format!("src/{name}.rs"));
        let mut sources: Vec<_> = others
            .filter(|other| other != path)
            .map(|other| source(&other, "//! Essay.\n"))
            .collect();
        sources.push(source(path, &format!("//! Essay.\n{body}\n")));
        check(&sources)
    }

    fn source(path: &str, text: &str) -> Source {
        let (path, text) = (path.to_string(), text.to_string());
        Source { path, text }
    }

    #[test]
    fn names_the_line() {
        let text = "\nconst A: &str = \"two\nlines\";\n/*\n*/ use crate::time::{\n};\nuse libc;\n";
        let broken = broken_in("src/chan/raw.rs", text);
        assert_eq!(broken.len(), 1, "{broken:?}");
        assert!(
            broken[0].starts_with("src/chan/raw.rs:8: `libc`"),
            "{broken:?}"
        );
    }

    #[test]
    fn files_open_with_an_essay_and_stay_short() {
        let bare = source("macros/src/lib.rs", "fn f() {}\n");
        let long = source(
            "src/lib.rs",
            &format!("//! Essay.\n{}", "\n".repeat(LINES_MAX)),
        );
        let broken = check(&[bare, long]);
        assert_eq!(broken.len(), 2, "{broken:?}");
        assert!(
            broken[0].starts_with("macros/src/lib.rs:1: does not open"),
            "{broken:?}"
        );
        assert!(broken[1].contains("longer than 500"), "{broken:?}");
    }
}
