use proc_macro2::TokenStream;
use quote::quote;

use super::Keys;
use crate::mistakes::Mistakes;

const KNOWN: [&str; 6] = [
    "max_procs",
    "stack_size",
    "on_panic",
    "max_threads",
    "timeout",
    "crate",
];

#[track_caller]
fn keys(args: TokenStream) -> Keys {
    let mut mistakes = Mistakes::default();
    let keys = Keys::parse(args, &KNOWN, &mut mistakes);
    mistakes.into_result().expect("there is no mistake");
    keys
}

/// The messages, in order, and the keys that were right.
fn wrong(args: TokenStream) -> (Vec<String>, Keys) {
    let mut mistakes = Mistakes::default();
    let keys = Keys::parse(args, &KNOWN, &mut mistakes);
    let errors = mistakes.into_result().expect_err("there is a mistake");
    (
        errors.into_iter().map(|error| error.to_string()).collect(),
        keys,
    )
}

#[track_caller]
fn assert_config(keys: &Keys, config: TokenStream) {
    assert_eq!(keys.config().to_string(), config.to_string());
}

#[test]
fn no_keys_leave_everything_as_it_is() {
    let keys = keys(quote!());
    assert_config(&keys, quote!(::sudog::runtime::Config::new()));
    assert_eq!(keys.krate().to_string(), quote!(::sudog).to_string());
    assert_eq!(
        keys.timeout().to_string(),
        quote!(::core::option::Option::None).to_string()
    );
}

#[test]
fn settings_are_called_in_the_users_order() {
    assert_config(
        &keys(quote!(
            max_threads = 1 << 4,
            stack_size = K * 64,
            max_procs = f::<u8, 2>(),
        )),
        quote! {
            ::sudog::runtime::Config::new()
                .max_threads(1 << 4)
                .stack_size(K * 64)
                .max_procs(f::<u8, 2>())
        },
    );
}

#[test]
fn on_panic_takes_names_and_texts() {
    for (args, variant) in [
        (quote!(on_panic = Isolate), quote!(Isolate)),
        (quote!(on_panic = Exit), quote!(Exit)),
        (quote!(on_panic = "isolate"), quote!(Isolate)),
        (quote!(on_panic = "exit"), quote!(Exit)),
    ] {
        assert_config(
            &keys(args),
            quote!(::sudog::runtime::Config::new().on_panic(::sudog::runtime::OnPanic::#variant)),
        );
    }
    for args in [
        quote!(on_panic = exit),
        quote!(on_panic = "Exit"),
        quote!(on_panic = 1),
        quote!(on_panic = OnPanic::Abort),
    ] {
        assert_eq!(wrong(args).0, ["`on_panic` takes `Isolate` or `Exit`"]);
    }
}

#[test]
fn crate_stands_before_every_path_wherever_it_is_given() {
    for args in [
        quote!(on_panic = Exit, crate = a::b),
        quote!(crate = "a::b", on_panic = Exit),
    ] {
        assert_config(
            &keys(args),
            quote!(a::b::runtime::Config::new().on_panic(a::b::runtime::OnPanic::Exit)),
        );
    }
    assert_eq!(keys(quote!(crate = crate)).krate().to_string(), "crate");
    for args in [quote!(crate = 1), quote!(crate = ""), quote!(crate = f())] {
        assert_eq!(
            wrong(args).0,
            ["`crate` takes a path: write `crate = ::sudog`"]
        );
    }
}

#[test]
fn timeout_is_a_text_or_an_expression() {
    let timeout = |args| keys(args).timeout().to_string();
    assert_eq!(
        timeout(quote!(timeout = "1.5s")),
        quote!(::core::option::Option::Some(
            ::core::time::Duration::from_nanos(1500000000u64)
        ))
        .to_string()
    );
    assert_eq!(
        timeout(quote!(timeout = LIMIT / 2)),
        quote!(::core::option::Option::Some(LIMIT / 2)).to_string()
    );
    for args in [
        quote!(timeout = 60),
        quote!(timeout = 1.5),
        quote!(timeout = "60"),
        quote!(timeout = "0s"),
    ] {
        assert_eq!(wrong(args).0.len(), 1);
    }
}

#[test]
fn every_mistake_is_reported_and_the_rest_counts() {
    let (messages, keys) = wrong(quote! {
        max_proc = 1, max_procs = 2, max_procs = 3, on_panic = Never, stack_size = 4
    });
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert!(messages[0].starts_with("there is no key `max_proc`"));
    assert!(messages[0].ends_with("`max_threads`, `timeout`, `crate`"));
    assert_eq!(
        messages[1],
        "`max_procs` is given twice: remove one of the two"
    );
    assert!(messages[2].starts_with("`on_panic`"));
    assert_config(
        &keys,
        quote!(::sudog::runtime::Config::new().max_procs(2).stack_size(4)),
    );
}

#[test]
fn key_without_value_is_told_what_to_write() {
    for args in [
        quote!(max_procs),
        quote!(max_procs =),
        quote!(max_procs = , stack_size = 1),
        quote!(max_procs, stack_size = 1),
        quote!(max_procs: 4),
        quote!(max_procs(4)),
    ] {
        let (messages, _) = wrong(args);
        assert_eq!(
            messages,
            ["`max_procs` needs a value: write `max_procs = ..`"]
        );
    }
    for args in [quote!(4), quote!("max_procs"), quote!(= 4), quote!(,)] {
        let (messages, _) = wrong(args);
        let message = "expected a key and its value, such as `max_procs = 4`";
        assert_eq!(messages, [message]);
    }
}
