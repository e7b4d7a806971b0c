use proc_macro2::{TokenStream, TokenTree};
use quote::quote;

use super::expand;

/// Expands the tokens as the shell passes them.
fn go(tokens: TokenStream) -> String {
    expand(quote!((krate) #tokens)).to_string()
}

#[track_caller]
fn assert_spawns(tokens: TokenStream, spawned: &TokenStream) {
    assert_eq!(go(tokens), quote!(krate::spawn(#spawned)).to_string());
}

#[track_caller]
fn assert_is_body(tokens: TokenStream) {
    assert_spawns(tokens.clone(), &quote!(move || { #tokens }));
}

/// Asserts what the caller binds and what the goroutine does, in a call of `f`.
#[track_caller]
fn assert_calls(tokens: TokenStream, bound: TokenStream, body: TokenStream) {
    let name = quote!(const { &krate::__private::StaticName::new("f") });
    let spawn = quote!(krate::__private::spawn_named(#name, move || { #body }));
    assert_eq!(go(tokens), quote!({ #bound #spawn }).to_string());
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

#[test]
fn one_closure_or_path_is_spawned() {
    for tokens in [
        quote!(|| 1),
        quote!(move || f(x)),
        quote!(move || -> u32 { 1 }),
        quote!(f),
        quote!(a::f::<T>),
        quote!(<T as Trait>::f),
    ] {
        assert_spawns(tokens.clone(), &tokens);
    }
}

#[test]
fn parentheses_around_the_whole_do_not_matter() {
    assert_spawns(quote!((f)), &quote!((f)));
    assert_eq!(go(quote!((f(x)))), go(quote!(f(x))));
}

#[test]
fn call_of_a_path_binds_its_arguments() {
    assert_calls(quote!(f()), quote!(), quote!(f()));
    assert_calls(
        quote!(f(x, y + 1)),
        quote!(let argument0 = x; let argument1 = y + 1;),
        quote!(f(argument0, argument1)),
    );
    assert_calls(
        quote!(Self::f::<T>(x?)),
        quote!(let argument0 = x?;),
        quote!(Self::f::<T>(argument0)),
    );
}

#[test]
fn method_call_binds_its_receiver_first() {
    assert_calls(
        quote!(a(b).c.f::<T>(x)),
        quote!(let receiver = a(b).c; let argument0 = x;),
        quote!(let mut receiver = receiver; receiver.f::<T>(argument0)),
    );
}

#[test]
fn callee_that_is_a_value_is_bound_and_names_nothing() {
    assert_eq!(
        go(quote!((self.f)(x))),
        quote!({
            let callee = self.f;
            let argument0 = x;
            krate::spawn(move || {
                let mut callee = callee;
                callee(argument0)
            })
        })
        .to_string()
    );
}

#[test]
fn goroutine_is_named_without_the_raw_prefix() {
    assert!(go(quote!(r#match(1))).contains("(\"match\")"));
}

#[test]
fn move_closure_stays_in_the_call() {
    assert_calls(
        quote!(f(x(), move |y| y.z(), w)),
        quote!(let argument0 = x(); let argument2 = w;),
        quote!(f(argument0, move |y| y.z(), argument2)),
    );
}

#[test]
fn move_closure_is_bound_where_a_later_argument_might_change_what_it_captures() {
    assert_calls(
        quote!(f(move |y| y, x += 1)),
        quote!(let argument0 = move |y| y; let argument1 = x += 1;),
        quote!(f(argument0, argument1)),
    );
}

#[test]
fn borrowing_closure_is_bound() {
    assert_calls(
        quote!(f(|y| x + y)),
        quote!(let argument0 = |y| x + y;),
        quote!(f(argument0)),
    );
}

#[test]
fn attributes_of_a_call_hold_for_its_parts() {
    assert_calls(
        quote!(
            #[allow(deprecated)]
            f(x)
        ),
        quote!(#[allow(deprecated)] let argument0 = x;),
        quote!(
            #[allow(deprecated)]
            f(argument0)
        ),
    );
}

#[test]
fn anything_else_is_a_body() {
    for tokens in [
        quote!(f(x);),
        quote!(println!("hi")),
        quote!(f(x)?),
        quote!(f(x).await),
        quote!(f(x).y),
        quote!(f(x) + g(y)),
        quote!(let x = 1; f(x)),
        quote!(if x {
            f()
        }),
        quote!(unsafe { f() }),
        quote!(&f(x)),
        quote!(1),
    ] {
        assert_is_body(tokens);
    }
}

#[test]
fn braces_become_those_of_the_closure() {
    assert_spawns(quote!({ f(x) }), &quote!(move || { f(x) }));
}

#[test]
fn unfinished_input_is_a_body() {
    for tokens in [
        quote!(x.),
        quote!(f(x, y.)),
        quote!(f(x),),
        quote!(f(x) g(y)),
        quote!(let x =),
        quote!(move ||),
        quote!(x.f::<),
        quote!(::),
        quote!(;),
    ] {
        assert_is_body(tokens);
    }
}

#[test]
fn no_token_of_the_users_is_lost() {
    let tokens = quote! {
        a.b(|c| d, move |e| f, g?, #[h] i, { j; k }, l!(m), n::<o>(), return p, "q", (r))
    };
    let expansion = flat(expand(quote!((krate) #tokens)));
    for word in flat(tokens) {
        assert!(expansion.contains(&word), "lost `{word}`");
    }
}

#[test]
fn future_is_refused_and_kept() {
    for tokens in [
        quote!(async { one }),
        quote!(async move { one }),
        quote!(async || one),
        quote!((async move |x| one)),
    ] {
        let expansion = go(tokens.clone());
        assert!(expansion.contains("compile_error"), "{expansion}");
        assert!(expansion.contains("block_on"), "{expansion}");
        assert!(expansion.contains(&tokens.to_string()), "{expansion}");
    }
}

#[test]
fn nothing_is_refused() {
    assert!(go(quote!()).contains("compile_error"));
}

#[test]
fn missing_shell_is_refused() {
    let expansion = expand(quote!(f(x))).to_string();
    assert!(expansion.contains("compile_error"), "{expansion}");
}
