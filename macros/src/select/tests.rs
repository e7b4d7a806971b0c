use proc_macro2::{TokenStream, TokenTree};
use quote::quote;

use super::arm::Select;
use super::piece::Piece;
use super::value::Timing;
use super::{Choice, expand};

/// Expands the tokens as the shell passes them.
fn select(tokens: TokenStream) -> String {
    expand(Choice::Random, quote!((krate) #tokens)).to_string()
}

#[track_caller]
fn assert_expands(tokens: TokenStream, expansion: TokenStream) {
    assert_eq!(select(tokens), quote!({ #expansion }).to_string());
}

/// Asserts that the select is understood, as this many arms without `default`.
#[track_caller]
fn assert_arms(tokens: TokenStream, count: usize) -> Select {
    let (select, mistakes) = Select::read(tokens);
    if let Err(error) = mistakes.into_result() {
        panic!("{error}");
    }
    assert!(select.broken.is_empty());
    assert_eq!(select.arms.len(), count);
    select
}

/// The messages about a select that is wrong.
fn mistakes(tokens: TokenStream) -> Vec<String> {
    let (_, mistakes) = Select::read(tokens);
    match mistakes.into_result() {
        Ok(()) => Vec::new(),
        Err(errors) => errors.into_iter().map(|error| error.to_string()).collect(),
    }
}

/// Asserts that there are mistakes of which each message, in order, has one of these in it.
#[track_caller]
fn assert_mistakes(tokens: TokenStream, parts: &[&str]) {
    let found = mistakes(tokens);
    assert_eq!(found.len(), parts.len(), "{found:#?}");
    for (message, part) in found.iter().zip(parts) {
        assert!(message.contains(part), "no `{part}` in `{message}`");
    }
}

/// All words and signs, out of all their brackets.
fn flat(tokens: TokenStream) -> Vec<String> {
    tokens
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Group(group) => flat(group.stream()),
            token => vec![token.to_string()],
        })
        .collect()
}

fn timing(value: TokenStream) -> Timing {
    Timing::of(&Piece::Whole(syn::parse2(value).unwrap()))
}

mod grammar {
    use super::*;

    #[test]
    fn commas_may_trail_and_be_left_out_behind_blocks() {
        for tokens in [
            quote!(recv(a) -> b => c, send(d, e) -> f => g),
            quote!(recv(a,) -> b => c, send(d, e,) -> f => g,),
            quote!(recv(a) -> b => { c } send(d, e) -> f => { g }),
            quote!(recv(a) -> b => { c }, send(d, e) -> f => { g },),
            quote!(recv(a) -> b => if c { 1 } else { 2 } send(d, e) -> f => match g {}),
            quote!(recv(a) -> b => loop {} send(d, e) -> f => unsafe { g }),
        ] {
            assert_arms(tokens, 2);
        }
    }

    #[test]
    fn block_may_be_the_beginning_of_a_body() {
        for tokens in [
            quote!(recv(a) -> b => { c }.d(), send(e, f) -> g => h),
            quote!(recv(a) -> b => { c }?, send(e, f) -> g => { h } + i),
            quote!(recv(a) -> b => { c } as d, send(e, f) -> g => { h } == i),
        ] {
            let select = assert_arms(tokens, 2);
            assert!(matches!(select.arms[0].body, Piece::Whole(_)));
        }
        let select = assert_arms(
            quote!(recv(a) -> b => { not rust } send(c, d) -> e => {}),
            2,
        );
        assert!(matches!(select.arms[0].body, Piece::Block(_)));
    }

    #[test]
    fn guard_stands_behind_the_pattern() {
        let select = assert_arms(
            quote!(recv(a) -> b, if c < d => e, send(f, g) -> h, if i == J { k } => l),
            2,
        );
        assert!(select.arms.iter().all(|arm| arm.guard.is_some()));
    }

    #[test]
    fn patterns_may_have_commas_and_alternatives() {
        for pattern in [
            quote!(_),
            quote!(mut a),
            quote!(ref a),
            quote!(ref mut a),
            quote!(a @ _),
            quote!(A { b, .. }),
            quote!(Ok(_) | Err(_)),
            quote!(|Ok(_)| Err(_)),
            quote!((a, b)),
            quote!(&[a, ..]),
        ] {
            assert_arms(
                quote!(recv(r) -> #pattern => {} recv(r) -> #pattern, if g => {}),
                2,
            );
        }
    }

    #[test]
    fn commas_within_operands_do_not_separate_them() {
        assert_arms(quote!(send(f::<A, B>(c, d), |e, f| g) -> h => i), 1);
        assert_arms(
            quote!(recv(a(b, c)) -> d => e, recv([f, g][0]) -> h => i),
            2,
        );
    }

    #[test]
    fn default_has_three_forms() {
        for (tokens, has_duration) in [
            (quote!(default => a), false),
            (quote!(default() => a), false),
            (quote!(default(a) => b), true),
            (quote!(default(a,) => b,), true),
        ] {
            let select = assert_arms(tokens, 0);
            assert_eq!(select.default.unwrap().duration.is_some(), has_duration);
        }
    }

    #[test]
    fn operations_are_not_keywords() {
        assert_arms(
            quote!(recv(recv) -> send => recv(send), send(send, default) -> recv => recv),
            2,
        );
        assert_arms(
            quote!(recv(a) -> b => { recv(c) } recv(d) -> e => send(f, g).h(),),
            2,
        );
    }

    #[test]
    fn arms_may_be_many() {
        let arms = (0..500).map(|i| quote!(recv(r[#i]) -> m => m,));
        assert_arms(quote!(#(#arms)*), 500);
    }
}

mod values {
    use super::*;

    #[test]
    fn plain_variable_is_pointed_at() {
        for value in [
            quote!(a),
            quote!(_a),
            quote!((a)),
            quote!((r#match)),
            quote!(ä),
        ] {
            assert_eq!(timing(value.clone()), Timing::Variable, "{value}");
        }
    }

    #[test]
    fn constants_told_by_their_form_are_early() {
        for value in [
            quote!(1),
            quote!(-1.5),
            quote!("a"),
            quote!(true),
            quote!(()),
            quote!((1, [2, -3], &"a")),
            quote!(&[1, 2]),
            quote!(None),
            quote!(A::B),
            quote!(a::b),
            quote!((A::B, 1)),
            quote!(<A as B>::C),
        ] {
            assert_eq!(timing(value.clone()), Timing::Early, "{value}");
        }
    }

    #[test]
    fn anything_else_is_late() {
        for value in [
            quote!(self),
            quote!(A),
            quote!(a.b),
            quote!(a()),
            quote!(A::b()),
            quote!(Some(1)),
            quote!(-a),
            quote!(-A::B),
            quote!(!1),
            quote!(&a),
            quote!(&A::B),
            quote!(&mut [1]),
            quote!((1, a)),
            quote!([a(); 2]),
            quote!({ 1 }),
            quote!(a as b),
            quote!(a!()),
        ] {
            assert_eq!(timing(value.clone()), Timing::Late, "{value}");
        }
    }
}

mod expansion {
    use super::*;

    #[test]
    fn one_arm_is_the_plain_operation() {
        assert_expands(
            quote!(recv(rx) -> Pattern { n } => body),
            quote! {
                let mut result = match &(rx) { channel0 => {
                    let channel0: &krate::chan::Receiver<_> = channel0;
                    channel0.recv()
                } };
                { let Pattern { n } = result; body }
            },
        );
        assert_expands(
            quote!(send(tx, 1) -> r => body),
            quote! {
                let mut result = match &(tx) { channel0 => {
                    let channel0: &krate::chan::Sender<_> = channel0;
                    channel0.send(1)
                } };
                { let r = result; body }
            },
        );
        assert_expands(
            quote!(send(tx, x) -> r => { body }),
            quote! {
                let mut result = match &(tx) { channel0 => {
                    let channel0: &krate::chan::Sender<_> = channel0;
                    use krate::__private::select::Coerce as _;
                    let variable = krate::__private::select::variable(
                        ::core::option::Option::Some(channel0),
                        &raw const x
                    );
                    unsafe { variable.send() }
                } };
                { let r = result.send(x); ({ body }) }
            },
        );
    }

    #[test]
    fn one_arm_with_default_is_the_plain_attempt() {
        assert_expands(
            quote!(default => { none } recv(rx) -> m => some),
            quote! {
                let chosen = match &(rx) { channel0 => {
                    let channel0: &krate::chan::Receiver<_> = channel0;
                    krate::__private::select::try_recv(channel0)
                } };
                match chosen {
                    ::core::option::Option::Some(mut result) => { let m = result; some }
                    ::core::option::Option::None => { none }
                }
            },
        );
    }

    #[test]
    fn several_arms_are_borrowed_together_and_waited_for() {
        assert_expands(
            quote!(recv(a) -> m => one, send(b, f(x)) -> r => two),
            quote! {
                let chosen = match (&(a), &(b)) { (channel0, channel1) => {
                    let channel0: &krate::chan::Receiver<_> = channel0;
                    let channel1: &krate::chan::Sender<_> = channel1;
                    {
                        let mut arm0 = krate::__private::select::recv(
                            ::core::option::Option::Some(channel0)
                        );
                        let mut arm1 = krate::__private::select::late(
                            ::core::option::Option::Some(channel1)
                        );
                        match krate::__private::select::wait::<false>(
                            &mut [arm0.case(), arm1.case()]
                        ) {
                            0 => ::core::result::Result::Ok(unsafe { arm0.finish() }),
                            _ => ::core::result::Result::Err(unsafe { arm1.finish() }),
                        }
                    }
                } };
                match chosen {
                    ::core::result::Result::Ok(mut result) => { let m = result; one }
                    ::core::result::Result::Err(mut result) => { let r = result.send(f(x)); two }
                }
            },
        );
    }

    #[test]
    fn biased_select_says_so() {
        let tokens = quote!((krate) recv(a) -> _ => {} recv(b) -> _ => {} default => {});
        let expansion = expand(Choice::First, tokens).to_string();
        assert!(expansion.contains("try_wait :: < true >"), "{expansion}");
    }

    #[test]
    fn default_alone_and_nothing_wait_for_nothing_and_for_ever() {
        assert_expands(quote!(default => body), quote!(body));
        assert_expands(quote!(), quote!(krate::__private::select::forever()));
    }

    #[test]
    fn statement_like_beginnings_are_protected() {
        for body in [
            quote!({ a }.b() + 1),
            quote!(match a {} + 1),
            quote!(if a { b } else { c }.d()),
            quote!('a: { b } + 1),
        ] {
            let expansion = select(quote!(recv(rx) -> m => #body, default => {}));
            let protected = quote!((#body)).to_string();
            assert!(expansion.contains(&protected), "{expansion}");
        }
    }

    #[test]
    fn every_token_of_the_users_stands_there_once() {
        let tokens = quote! {
            recv(k1.k2[k3](k4)) -> K5 { k6, .. }, if k7 && k8 => k9 + k10,
            send(&k11, k12) -> k13, if k14 => { k15; k16 }
            send(k17, k18.k19(k20)?) -> ref k21 => return k22,
            send(k23, "k24") -> _ => break 'k25 k26,
            default(k27 * 2) => if k28 { k29 } else { k30 }
        };
        let expansion = flat(expand(Choice::Random, quote!((krate) #tokens)));
        for word in flat(tokens) {
            let name = word.trim_matches('"');
            if name.to_lowercase().starts_with('k') {
                // A variable is pointed at, and then sent.
                let expected = if name == "k12" { 2 } else { 1 };
                let count = expansion.iter().filter(|other| **other == word).count();
                assert_eq!(count, expected, "{word}");
            }
        }
    }
}

mod mistakes {
    use super::*;

    #[test]
    fn all_are_reported_at_once() {
        assert_mistakes(
            quote! {
                recv() -> a => {}
                receive(a) -> b => {}
                send(a) -> b => {}
                recv(a) => {}
                default => {}
                default(a, b), if c => d
            },
            &[
                "needs a channel",
                "no operation",
                "needs a value",
                "needs a pattern",
                "one duration",
                "no guard",
                "one `default`",
            ],
        );
    }

    #[test]
    fn other_languages_forms_are_translated() {
        let translations = [
            (quote!(case a := <-b: { c }), "`recv(b) -> a => ..`"),
            (quote!(case a, ok := <-b.c: { c }), "`recv(b.c) -> a => ..`"),
            (quote!(case <-a: { c }), "`recv(a) -> _ => ..`"),
            (quote!(case a <- b + 1: { c }), "`send(a, b+1) -> _ => ..`"),
            (quote!(a = b.recv() => c), "names its operation"),
            (quote!(Some(a) = b, if c => d), "names its operation"),
            (quote!(biased; default => a), "select_biased!"),
            (quote!(else => a), "`default => ..`"),
            (quote!(_ => a), "`default => ..`"),
            (quote!(timeout(a) => b), "`default(duration) => ..`"),
            (
                quote!(a.recv() -> b => c),
                "`recv(channel) -> message => ..`",
            ),
            (
                quote!(a.send(b) -> c => d),
                "`send(channel, value) -> result => ..`",
            ),
        ];
        for (tokens, part) in translations {
            assert_mistakes(tokens, &[part]);
        }
    }

    #[test]
    fn parts_in_the_wrong_place_are_understood() {
        let arrow = "the arrow before the pattern is `->`";
        let guard = "a guard comes behind the pattern";
        for (tokens, part) in [
            (quote!(recv(a) => b => c), arrow),
            (quote!(send(a, b) => Ok(c) | d => {}), arrow),
            (quote!(recv(a), if b -> c => d), guard),
            (quote!(recv(a) if b -> c => d), guard),
            (quote!(if a recv(b) -> c => d), guard),
        ] {
            assert_mistakes(tokens.clone(), &[part]);
            let (select, _) = Select::read(tokens);
            assert!(select.arms[0].pattern.is_some());
        }
        // The body is missing, and no pattern is.
        assert_mistakes(
            quote!(recv(a) => recv(b) -> c => d),
            &["needs a pattern", "no body"],
        );
    }

    #[test]
    fn await_is_refused_in_values_but_not_in_their_futures() {
        assert_mistakes(quote!(send(a, b.await) -> c => d), &["cannot be awaited"]);
        assert_mistakes(
            quote!(send(a, f(|| [b.await])) -> c => d),
            &["cannot be awaited"],
        );
        assert_mistakes(quote!(send(a, async move { b.await }) -> c => d.await), &[]);
        assert_mistakes(quote!(recv(a.await) -> c, if b.await => d.await), &[]);
    }

    #[test]
    fn what_does_not_parse_is_left_to_rustc() {
        for (tokens, kept) in [
            (quote!(recv(rx.) -> m => {}), quote!(&(rx.))),
            (quote!(send(tx, x.) -> m => {}), quote!(result.send(x.))),
            (quote!(recv(rx) -> m => m.), quote!({ let m = result; m. })),
            (
                quote!(recv(rx) -> m => m., default => {}),
                quote!({ let m = result; m. }),
            ),
            (quote!(recv(rx) -> m, if a. => {}), quote!(: bool = a.;)),
            (quote!(recv(rx) -> m => {} default(a.) => {}), quote!(= a.;)),
            (
                quote!(recv(rx) -> m => {} default => a.b.),
                quote!({ a.b. }),
            ),
        ] {
            let expansion = select(tokens);
            assert!(!expansion.contains("compile_error"), "{expansion}");
            assert!(expansion.contains(&kept.to_string()), "{expansion}");
        }
    }

    #[test]
    fn what_does_not_parse_is_reported_beside_mistakes() {
        assert_mistakes(
            quote!(recv(rx.) -> m => m., send(tx) -> r => r.),
            &[
                "needs a value",
                "expected identifier",
                "expected identifier",
                "expected identifier",
            ],
        );
    }

    #[test]
    fn bodies_and_operands_of_wrong_arms_are_kept() {
        for tokens in [
            quote!(recv(one) => { two }),
            quote!(recv(one, x) -> three => two),
            quote!(send(one) -> three => two),
            quote!(recv(one).await -> three => two),
            quote!(recv(one) -> three: T => two),
            quote!(recv(one) -> three if four => two),
            quote!(recv(one), if four -> three => two),
            quote!(recv(one) -> three { two }),
            quote!(recv(one) -> three = two),
            quote!(three = one => two),
            quote!(default => {} default(one) => two),
            quote!(default(one), if x => two),
            quote!(recv(one) -> three => two; recv(four) -> five => six.seven()),
            quote!(recv(one) -> three => two recv(four) -> five => six.seven()),
        ] {
            let expansion = select(tokens.clone());
            assert!(expansion.contains("compile_error"), "{expansion}");
            let words = flat(tokens);
            for word in ["one", "two", "three", "four", "five", "six", "seven"] {
                let is_kept = expansion.contains(word) || !words.iter().any(|other| other == word);
                assert!(is_kept, "lost `{word}`: {expansion}");
            }
        }
    }

    #[test]
    fn any_prefix_of_a_select_expands() {
        let whole = quote! {
            recv(a.b) -> C { d, .. }, if e == f => g.h(),
            send(i, j.k()?) -> l => { m }
            default(n) => o
        };
        let tokens: Vec<_> = whole.into_iter().collect();
        for end in 0..=tokens.len() {
            for begin in 0..end {
                let part: TokenStream = tokens[begin..end].iter().cloned().collect();
                assert!(!select(part).is_empty());
            }
        }
    }

    #[test]
    fn missing_shell_is_refused() {
        let expansion = expand(Choice::Random, quote!(recv(a) -> b => c)).to_string();
        assert!(expansion.contains("compile_error"), "{expansion}");
    }
}
