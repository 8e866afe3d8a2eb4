//! Lines of the public API: from the root, every module and every `pub use`, to the items behind them.

use super::crate_of::{Crate, ModulePath, Target, attributes, cfg, is_public, name};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::BTreeSet;
use syn::{Fields, ImplItem, Item, ItemImpl, Type};

/// Lines of a crate, sorted.
pub(super) fn of(all: &Crate) -> Vec<String> {
    let mut lines = Lines {
        all,
        found: BTreeSet::new(),
    };
    lines.module(&Vec::new(), &[], &mut Vec::new());
    lines.found.into_iter().collect()
}

/// The tokens of a piece of syntax on one line, with the spaces that rustfmt would leave.
pub(super) fn text(syntax: &dyn ToTokens) -> String {
    const NARROWER: [(&str, &str); 14] = [
        (" :: ", "::"),
        (":: ", "::"),
        ("& ", "&"),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" < ", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" ,", ","),
        (",)", ")"),
        (" ;", ";"),
        (" : ", ": "),
        ("# [", "#["),
    ];
    let text = syntax.to_token_stream().to_string();
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = NARROWER
        .iter()
        .fold(line, |line, (wide, narrow)| line.replace(wide, narrow));
    line.replace(",>", ">").replace("fn(", "fn (")
}

/// `tokens` without the attributes among them, documentation above all.
fn without_attributes(tokens: TokenStream) -> TokenStream {
    let mut kept = Vec::new();
    for token in tokens {
        match &token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                let is_attribute = |last: &TokenTree| last.to_string() == "#";
                if kept.last().is_some_and(is_attribute) {
                    kept.pop();
                    continue;
                }
            }
            _ => {}
        }
        kept.push(token);
    }
    kept.into_iter().collect()
}

struct Lines<'a> {
    all: &'a Crate,
    found: BTreeSet<String>,
}

impl Lines<'_> {
    /// Adds what is public in the module at `at`, as the module `public`. `inside` are modules that this one is shown in.
    fn module(&mut self, at: &ModulePath, public: &[String], inside: &mut Vec<ModulePath>) {
        if inside.contains(at) {
            return;
        }
        inside.push(at.clone());
        let all = self.all;
        let module = &all.modules[at];
        for item in &module.items {
            match item {
                Item::Mod(inner) if is_public(&inner.vis) => {
                    let own = inner.ident.to_string();
                    let (at, public) = (with(at, &own), with(public, &own));
                    self.line(&public, &(cfg(&inner.attrs) + "mod"));
                    self.module(&at, &public, inside);
                }
                Item::Macro(_) => self.macro_call(item, public),
                item => {
                    if let Some(own) = name(item)
                        && is_visible(item)
                    {
                        self.item(at, item, &own, public, "");
                    }
                }
            }
        }
        for used in module.uses.iter().filter(|used| used.is_public) {
            match all.resolve(at, &used.path) {
                Some(Target::Module(target)) => {
                    let public = with(public, &used.name);
                    self.line(&public, &format!("{}mod", used.cfg));
                    self.module(&target, &public, inside);
                }
                Some(Target::Item(target, item)) => {
                    self.item(&target, item, &used.name, public, &used.cfg);
                }
                None => {
                    let line = format!("{}use {}", used.cfg, used.path.join("::"));
                    self.line(&with(public, &used.name), &line);
                    let module = &used.path[..used.path.len() - 1];
                    if let Some(Target::Module(target)) = all.resolve(at, module) {
                        for item in &all.modules[&target].items {
                            self.macro_call(item, public);
                        }
                    }
                }
            }
        }
        inside.pop();
    }

    /// Adds what a macro of the crate's own declares, as it stands in its call.
    fn macro_call(&mut self, item: &Item, public: &[String]) {
        let Item::Macro(call) = item else {
            return;
        };
        let name = text(&call.mac.path);
        if call.ident.is_none() && name != "include" {
            let tokens = text(&without_attributes(call.mac.tokens.clone()));
            self.line(public, &format!("{name}! {{ {tokens} }}"));
        }
    }

    /// Adds an item of the module at `at`, called `own` in the module `public`, with its parts.
    fn item(&mut self, at: &ModulePath, item: &Item, own: &str, public: &[String], above: &str) {
        let cfg = above.to_owned() + &cfg(attributes(item));
        match item {
            Item::Const(item) => {
                self.line(public, &format!("{cfg}const {own}: {}", text(&item.ty)));
            }
            Item::Static(item) => {
                self.line(public, &format!("{cfg}static {own}: {}", text(&item.ty)));
            }
            Item::Fn(item) => {
                let mut signature = item.sig.clone();
                signature.ident = quote::format_ident!("{own}");
                self.line(public, &(cfg + &text(&signature)));
            }
            Item::Type(item) => {
                let (generics, ty) = (text(&item.generics), text(&item.ty));
                self.line(public, &format!("{cfg}type {own}{generics} = {ty}"));
            }
            Item::Trait(item) => {
                let head = format!("{cfg}trait {own}");
                let generics = text(&item.generics) + &text(&item.generics.where_clause);
                let bounds = text(&item.supertraits);
                self.line(public, join(&[&head, &generics, &bounds]).trim());
                for part in &item.items {
                    let part = match part {
                        syn::TraitItem::Fn(part) => {
                            let has_body = part.default.is_some();
                            text(&part.sig) + if has_body { " { .. }" } else { "" }
                        }
                        other => text(other),
                    };
                    self.line(public, &format!("{head}::{part}"));
                }
            }
            Item::Struct(item) => {
                let head = format!("{cfg}struct {own}");
                self.head(public, &head, &item.generics, &item.attrs);
                self.fields(public, &head, &item.fields);
                self.impls(at, &item.ident.to_string(), public, &head);
            }
            Item::Enum(item) => {
                let head = format!("{cfg}enum {own}");
                self.head(public, &head, &item.generics, &item.attrs);
                for variant in &item.variants {
                    let mut variant = variant.clone();
                    variant.attrs.clear();
                    for field in &mut variant.fields {
                        field.attrs.clear();
                    }
                    self.line(public, &format!("{head}::{}", text(&variant)));
                }
                self.impls(at, &item.ident.to_string(), public, &head);
            }
            _ => {}
        }
    }

    /// Adds the line of a type, with what it derives and whether matches have to expect more of it.
    fn head(
        &mut self,
        public: &[String],
        head: &str,
        generics: &syn::Generics,
        of: &[syn::Attribute],
    ) {
        let is_open = of
            .iter()
            .any(|attribute| attribute.path().is_ident("non_exhaustive"));
        let open = if is_open { "non_exhaustive" } else { "" };
        let generics = text(generics) + &text(&generics.where_clause);
        self.line(public, join(&[head, &generics, open]).trim());
        let derives = of
            .iter()
            .filter(|attribute| attribute.path().is_ident("derive"));
        for derive in derives {
            if let syn::Meta::List(list) = &derive.meta {
                for name in list.tokens.to_string().split(',') {
                    self.line(public, &format!("{head}::impl {}", name.trim()));
                }
            }
        }
    }

    fn fields(&mut self, public: &[String], head: &str, fields: &Fields) {
        let all = fields.iter().enumerate();
        for (place, field) in all.filter(|(_, field)| is_public(&field.vis)) {
            let name = field.ident.as_ref();
            let name = name.map_or_else(|| place.to_string(), ToString::to_string);
            self.line(public, &format!("{head}::{name}: {}", text(&field.ty)));
        }
    }

    /// Adds what `impl` blocks anywhere in the crate give to the type called `own` in the module at `at`.
    fn impls(&mut self, at: &ModulePath, own: &str, public: &[String], head: &str) {
        let all = self.all;
        for (place, module) in &all.modules {
            let blocks = module.items.iter().filter_map(|item| match item {
                Item::Impl(block) => Some(block),
                _ => None,
            });
            for block in blocks.filter(|block| is_of(all, place, block, at, own)) {
                self.block(block, public, head);
            }
        }
    }

    fn block(&mut self, block: &ItemImpl, public: &[String], head: &str) {
        let cfg = cfg(&block.attrs);
        if let Some((_, path, _)) = &block.trait_ {
            self.line(public, &format!("{head}::{cfg}impl {}", text(path)));
            return;
        }
        for part in &block.items {
            let line = match part {
                ImplItem::Fn(part) if is_public(&part.vis) => {
                    super::crate_of::cfg(&part.attrs) + &text(&part.sig)
                }
                ImplItem::Const(part) if is_public(&part.vis) => {
                    format!("const {}: {}", part.ident, text(&part.ty))
                }
                _ => continue,
            };
            if !line.contains("cfg(test") {
                self.line(public, &format!("{head}::{cfg}{line}"));
            }
        }
    }

    fn line(&mut self, public: &[String], line: &str) {
        self.found.insert(join(&[&public.join("::"), line]));
    }
}

/// Whether `block`, in the module at `place`, is about the type called `own` in the module at `at`.
fn is_of(all: &Crate, place: &ModulePath, block: &ItemImpl, at: &ModulePath, own: &str) -> bool {
    let Type::Path(ty) = block.self_ty.as_ref() else {
        return false;
    };
    let segments = ty.path.segments.iter();
    let path: Vec<String> = segments.map(|segment| segment.ident.to_string()).collect();
    match all.resolve(place, &path) {
        Some(Target::Item(found, item)) => found == *at && name(item).as_deref() == Some(own),
        _ => false,
    }
}

fn is_visible(item: &Item) -> bool {
    match item {
        Item::Const(item) => is_public(&item.vis),
        Item::Enum(item) => is_public(&item.vis),
        Item::Fn(item) => is_public(&item.vis),
        Item::Static(item) => is_public(&item.vis),
        Item::Struct(item) => is_public(&item.vis),
        Item::Trait(item) => is_public(&item.vis),
        Item::Type(item) => is_public(&item.vis),
        _ => false,
    }
}

fn with(path: &[String], last: &str) -> Vec<String> {
    path.iter().cloned().chain([last.to_owned()]).collect()
}

/// The parts that are not empty, with spaces between.
fn join(parts: &[&str]) -> String {
    let parts = parts.iter().filter(|part| !part.is_empty());
    parts.copied().collect::<Vec<_>>().join(" ")
}
