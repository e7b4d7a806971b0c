use proc_macro2::TokenStream;
use quote::quote;

use super::{Entry, expand};

#[track_caller]
fn assert_main(args: TokenStream, item: TokenStream, expansion: TokenStream) {
    let expanded = expand(Entry::Main, args, item).to_string();
    assert_eq!(expanded, expansion.to_string());
}

#[track_caller]
fn assert_test(args: TokenStream, item: TokenStream, expansion: TokenStream) {
    let expanded = expand(Entry::Test, args, item).to_string();
    assert_eq!(expanded, expansion.to_string());
}

/// Asserts that the function is refused in these words, and kept.
#[track_caller]
fn assert_refused(entry: Entry, item: TokenStream, words: &str) {
    let expanded = expand(entry, quote!(), item.clone()).to_string();
    assert!(expanded.contains("compile_error"), "{expanded}");
    assert!(expanded.contains(words), "{expanded}");
    assert!(expanded.contains(&item.to_string()), "{expanded}");
}

#[test]
fn main_holds_the_users_main() {
    assert_main(
        quote!(),
        quote!(
            pub fn main() -> Result<(), E> {
                body()
            }
        ),
        quote! {
            pub fn main() -> ::std::process::ExitCode {
                fn main() -> Result<(), E> { body() }
                ::sudog::__private::main(::sudog::runtime::Config::new(), main)
            }
        },
    );
}

#[test]
fn keys_of_main_arrive() {
    assert_main(
        quote!(max_procs = 2, crate = other),
        quote!(
            fn main() {}
        ),
        quote! {
            fn main() -> ::std::process::ExitCode {
                fn main() {}
                other::__private::main(other::runtime::Config::new().max_procs(2), main)
            }
        },
    );
}

#[test]
fn test_holds_the_users_test() {
    assert_test(
        quote!(timeout = LIMIT),
        quote!(
            fn works() {
                body()
            }
        ),
        quote! {
            #[::core::prelude::v1::test]
            fn works() -> ::std::process::ExitCode {
                fn works() { body() }
                ::sudog::__private::test(
                    ::sudog::runtime::Config::new(),
                    ::core::option::Option::Some(LIMIT),
                    works
                )
            }
        },
    );
}

#[test]
fn test_that_should_panic_returns_nothing() {
    assert_test(
        quote!(),
        quote!(
            #[should_panic(expected = "text")]
            fn fails() -> Result<(), E> {
                body()
            }
        ),
        quote! {
            #[::core::prelude::v1::test]
            #[should_panic(expected = "text")]
            fn fails() {
                fn fails() -> Result<(), E> { body() }
                let _ = ::sudog::__private::test(
                    ::sudog::runtime::Config::new(),
                    ::core::option::Option::None,
                    fails
                );
            }
        },
    );
}

#[test]
fn attributes_go_where_they_act() {
    assert_test(
        quote!(),
        quote! {
            #[doc = "text"]
            #[ignore = "reason"]
            #[allow(unused)]
            #[inline(never)]
            #[other::instrument(skip)]
            fn kept() {}
        },
        quote! {
            #[::core::prelude::v1::test]
            #[doc = "text"]
            #[ignore = "reason"]
            #[allow(unused)]
            fn kept() -> ::std::process::ExitCode {
                #[inline(never)]
                #[other::instrument(skip)]
                fn kept() {}
                ::sudog::__private::test(
                    ::sudog::runtime::Config::new(),
                    ::core::option::Option::None,
                    kept
                )
            }
        },
    );
}

#[test]
fn body_need_not_be_finished() {
    let expanded = expand(
        Entry::Main,
        quote!(),
        quote!(fn main() { let x = value. ; }),
    );
    let expanded = expanded.to_string();
    assert!(!expanded.contains("compile_error"), "{expanded}");
    assert!(expanded.contains("value ."), "{expanded}");
}

#[test]
fn what_is_no_plain_function_is_refused() {
    for entry in [Entry::Main, Entry::Test] {
        for (item, words) in [
            (
                quote!(
                    async fn main() {}
                ),
                "sudog::block_on(async { .. })",
            ),
            (
                quote!(
                    const fn main() {}
                ),
                "remove the `const`",
            ),
            (
                quote!(
                    unsafe fn main() {}
                ),
                "remove the `unsafe`",
            ),
            (
                quote!(
                    extern "C" fn main() {}
                ),
                "remove the `extern`",
            ),
            (
                quote!(
                    fn main<T>() {}
                ),
                "nothing would choose these parameters",
            ),
            (
                quote!(
                    fn main()
                    where
                        u8: Copy,
                    {
                    }
                ),
                "remove the `where`",
            ),
            (
                quote!(
                    fn main(x: u8) {}
                ),
                "takes no arguments",
            ),
            (
                quote!(
                    fn main();
                ),
                "expected the body",
            ),
            (quote!(fn main), "expected parentheses"),
            (
                quote!(
                    struct Main;
                ),
                "goes on a function",
            ),
            (quote!(), "goes on a function"),
        ] {
            assert_refused(entry, item, words);
        }
    }
}

#[test]
fn main_is_called_main() {
    assert_refused(
        Entry::Main,
        quote!(
            fn start() {}
        ),
        "a program starts in `fn main`",
    );
}

#[test]
fn second_entry_attribute_is_refused() {
    let words = "remove this attribute";
    assert_refused(
        Entry::Main,
        quote!(
            #[other::main]
            fn main() {}
        ),
        words,
    );
    assert_refused(
        Entry::Test,
        quote!(
            #[test]
            fn works() {}
        ),
        words,
    );
    assert_refused(
        Entry::Test,
        quote!(
            #[sudog::test]
            fn works() {}
        ),
        words,
    );
}

#[test]
fn mistakes_in_keys_and_function_are_reported_together() {
    let expanded = expand(
        Entry::Main,
        quote!(key = 1),
        quote!(
            async fn main(x: u8) {}
        ),
    );
    let count = expanded.to_string().matches("compile_error").count();
    assert_eq!(count, 3);
}

#[test]
fn mistake_in_a_key_leaves_the_function_an_entry() {
    let expanded = expand(
        Entry::Test,
        quote!(key = 1),
        quote!(
            fn works() {}
        ),
    );
    let expanded = expanded.to_string();
    assert!(expanded.contains("compile_error"), "{expanded}");
    assert!(expanded.contains("__private :: test"), "{expanded}");
}
