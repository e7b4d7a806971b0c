//! The environment, fed by hand.

use super::*;

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
        ("SUDOG_DEBUG", "guard=mprotect"),
    ]);
    assert_eq!(warnings, [""; 0]);
    assert_eq!(settings.max_procs, 7);
    assert_eq!(settings.stack_class, 0);
    assert_eq!(settings.on_panic, OnPanic::Exit);
    assert!(settings.mprotect_guards);
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
