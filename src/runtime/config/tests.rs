//! The environment, fed by hand.

use super::*;
use std::time::Duration;

fn overruled(vars: &[(&str, &str)]) -> (Settings, Vec<String>) {
    let mut settings = Settings::default();
    let mut warnings = Vec::new();
    let env = |name: &str| {
        vars.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    };
    settings.overrule(env, |warning| warnings.push(warning));
    (settings, warnings)
}

#[test]
fn good_values_overrule() {
    let (settings, warnings) = overruled(&[
        ("SUDOG_MAXPROCS", "7"),
        ("GOMAXPROCS", "3"),
        ("SUDOG_STACK", "64K"),
        ("SUDOG_PANIC", "exit"),
        ("SUDOG_DEBUG", "guard=mprotect,,schedtrace=250,stall=100ms"),
        ("SUDOG_TRACEBACK", "all"),
    ]);
    assert_eq!(warnings, [""; 0]);
    assert_eq!(settings.max_procs, 7);
    assert_eq!(settings.stack_class, 0);
    assert_eq!(settings.on_panic, OnPanic::Exit);
    assert!(settings.debug.mprotect_guards);
    assert_eq!(settings.debug.schedtrace, Some(Duration::from_millis(250)));
    assert_eq!(settings.debug.stall, Some(Duration::from_millis(100)));
    assert_eq!(settings.traceback, Traceback::All);
}

#[test]
fn of_several_settings_the_bad_ones_are_named_and_the_others_hold() {
    let value = "stall=2s,guard=soft,schedtrace=often,guard=mprotect,wat";
    let (settings, warnings) = overruled(&[("SUDOG_DEBUG", value)]);
    assert_eq!(settings.debug.stall, Some(Duration::from_secs(2)));
    assert_eq!(settings.debug.schedtrace, None);
    assert!(settings.debug.mprotect_guards);
    let named = ["=guard=soft ", "=schedtrace=often ", "=wat "];
    assert_eq!(warnings.len(), named.len(), "{warnings:?}");
    for (warning, name) in warnings.iter().zip(named) {
        assert!(warning.contains(name), "{warning}");
    }
}

#[test]
fn times_are_read_with_their_unit() {
    for (value, micros) in [("7us", 7), ("7ms", 7_000), ("7s", 7_000_000)] {
        let (settings, _) = overruled(&[("SUDOG_DEBUG", &format!("stall={value}"))]);
        assert_eq!(settings.debug.stall, Some(Duration::from_micros(micros)));
    }
    let (settings, warnings) = overruled(&[("SUDOG_DEBUG", "stall=0ms,schedtrace=0")]);
    assert_eq!(warnings, [""; 0]);
    assert_eq!(
        (settings.debug.stall, settings.debug.schedtrace),
        (None, None)
    );
}

#[test]
fn gomaxprocs_serves_where_ours_is_unset_or_bad() {
    assert_eq!(overruled(&[("GOMAXPROCS", "3")]).0.max_procs, 3);
    let (settings, warnings) = overruled(&[("SUDOG_MAXPROCS", "no"), ("GOMAXPROCS", "3")]);
    assert_eq!((settings.max_procs, warnings.len()), (3, 1));
}

#[test]
fn bad_values_are_named_and_change_nothing() {
    for (name, value) in [
        ("SUDOG_MAXPROCS", "0"),
        ("SUDOG_MAXPROCS", "4097"),
        ("SUDOG_MAXPROCS", "-1"),
        ("GOMAXPROCS", "two"),
        ("SUDOG_STACK", "0"),
        ("SUDOG_STACK", "9M"),
        ("SUDOG_STACK", "K"),
        ("SUDOG_STACK", "18446744073709551615M"),
        ("SUDOG_PANIC", "Exit"),
        ("SUDOG_DEBUG", "guard"),
        ("SUDOG_DEBUG", "stall=100"),
        ("SUDOG_DEBUG", "stall=ms"),
        ("SUDOG_DEBUG", "schedtrace=-1"),
        ("SUDOG_TRACEBACK", "2"),
    ] {
        let (settings, warnings) = overruled(&[(name, value)]);
        assert_eq!(
            format!("{settings:?}"),
            format!("{:?}", Settings::default()),
            "{name}={value}"
        );
        assert_eq!(warnings.len(), 1, "{name}={value}");
        assert!(
            warnings[0].starts_with(&format!("{name}={value} is ignored: ")),
            "{warnings:?}"
        );
    }
}

#[test]
fn sizes_have_units() {
    assert_eq!(parse_size("65536"), Some(65_536));
    assert_eq!(parse_size("64k"), Some(65_536));
    assert_eq!(parse_size("2M"), Some(2 << 20));
    assert_eq!(parse_size(""), None);
    assert_eq!(parse_size("M"), None);
    assert_eq!(parse_size("1.5M"), None);
}
