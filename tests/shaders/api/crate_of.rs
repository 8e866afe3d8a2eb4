//! The modules of a crate, parsed, with the names that each of them has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use syn::{Attribute, Item, UseTree, Visibility};

/// Path of a module from the root.
pub(super) type ModulePath = Vec<String>;

/// A crate: its modules by their paths.
#[derive(Default)]
pub(super) struct Crate {
    pub(super) modules: BTreeMap<ModulePath, Module>,
}

/// One module.
#[derive(Default)]
pub(super) struct Module {
    pub(super) items: Vec<Item>,
    pub(super) uses: Vec<Use>,
}

/// One name that a `use` brings into a module.
pub(super) struct Use {
    pub(super) path: Vec<String>,
    pub(super) name: String,
    pub(super) is_public: bool,
    pub(super) cfg: String,
}

/// What a name stands for.
pub(super) enum Target<'a> {
    /// A module of the crate.
    Module(ModulePath),
    /// An item of the module.
    Item(ModulePath, &'a Item),
}

impl Crate {
    /// The crate whose root is the file `root`.
    pub(super) fn read(root: &str) -> Self {
        let text = std::fs::read_to_string(root).unwrap();
        let mut found = Self::default();
        let folder = Path::new(root).parent().unwrap();
        found.add(
            Vec::new(),
            syn::parse_file(&text).unwrap().items,
            Some(folder),
        );
        found
    }

    /// The crate of one file.
    pub(super) fn parse(text: &str) -> Self {
        let mut found = Self::default();
        found.add(Vec::new(), syn::parse_file(text).unwrap().items, None);
        found
    }

    fn add(&mut self, path: ModulePath, items: Vec<Item>, folder: Option<&Path>) {
        let mut module = Module::default();
        for item in items {
            if is_of_tests(attributes(&item)) {
                continue;
            }
            match &item {
                Item::Mod(inner) => {
                    let mut path = path.clone();
                    path.push(inner.ident.to_string());
                    let own = folder.map(|folder| folder.join(inner.ident.to_string()));
                    let items = match &inner.content {
                        Some((_, items)) => items.clone(),
                        None => file(own.as_deref().unwrap()),
                    };
                    self.add(path, items, own.as_deref());
                }
                Item::Use(found) => {
                    let is_public = is_public(&found.vis);
                    let cfg = cfg(&found.attrs);
                    names(&found.tree, &mut Vec::new(), &mut |path, name| {
                        module.uses.push(Use {
                            path,
                            name,
                            is_public,
                            cfg: cfg.clone(),
                        });
                    });
                }
                _ => {}
            }
            module.items.push(item);
        }
        self.modules.insert(path, module);
    }

    /// What the name at `path` stands for, as seen from `module`; `None` for one of another crate.
    pub(super) fn resolve(&self, module: &ModulePath, path: &[String]) -> Option<Target<'_>> {
        let (first, rest) = path.split_first()?;
        let mut at = module.clone();
        let mut rest = rest;
        match first.as_str() {
            "crate" => at.clear(),
            "self" => {}
            "super" => {
                at.pop();
            }
            _ => rest = path,
        }
        while let Some((first, behind)) = rest.split_first() {
            if first == "super" {
                at.pop();
                rest = behind;
                continue;
            }
            let mut inner = at.clone();
            inner.push(first.clone());
            if self.modules.contains_key(&inner) {
                at = inner;
                rest = behind;
                continue;
            }
            let known = self.modules.get(&at)?;
            let mut items = known.items.iter();
            if let Some(item) = items.find(|item| name(item).as_ref() == Some(first)) {
                return behind.is_empty().then_some(Target::Item(at, item));
            }
            // The path of a `use` may begin with the name that it brings, which is then of another crate.
            let mut imports = known.uses.iter();
            let used = imports.find(|used| used.name == *first && used.path != *rest)?;
            let full: Vec<String> = used.path.iter().chain(behind).cloned().collect();
            return self.resolve(&at, &full);
        }
        Some(Target::Module(at))
    }
}

/// Items of the module whose file or folder is `own`.
fn file(own: &Path) -> Vec<Item> {
    let candidates: [PathBuf; 2] = [own.with_extension("rs"), own.join("mod.rs")];
    let path = candidates.iter().find(|path| path.exists());
    let path = path.unwrap_or_else(|| panic!("no file of the module {}", own.display()));
    syn::parse_file(&std::fs::read_to_string(path).unwrap())
        .unwrap()
        .items
}

/// Calls `each` with the path and the name of every leaf of a `use`.
fn names(tree: &UseTree, path: &mut Vec<String>, each: &mut dyn FnMut(Vec<String>, String)) {
    let with = |path: &[String], last: String| -> Vec<String> {
        let last = (last != "self").then_some(last);
        path.iter().cloned().chain(last).collect()
    };
    match tree {
        UseTree::Path(inner) => {
            path.push(inner.ident.to_string());
            names(&inner.tree, path, each);
            path.pop();
        }
        UseTree::Name(leaf) => {
            let full = with(path, leaf.ident.to_string());
            let name = full.last().cloned().unwrap_or_default();
            each(full, name);
        }
        UseTree::Rename(leaf) => each(with(path, leaf.ident.to_string()), leaf.rename.to_string()),
        UseTree::Group(group) => group.items.iter().for_each(|tree| names(tree, path, each)),
        UseTree::Glob(_) => each(path.clone(), "*".to_owned()),
    }
}

pub(super) fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// The conditions of an item, in front of it in its line.
pub(super) fn cfg(attributes: &[Attribute]) -> String {
    let of = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"));
    of.map(|attribute| super::lines::text(attribute) + " ")
        .collect()
}

/// Whether an item is there in tests, documentation or fuzzing alone.
fn is_of_tests(attributes: &[Attribute]) -> bool {
    let cfg = cfg(attributes);
    let words = ["test", "doctest", "fuzzing"];
    words.iter().any(|word| {
        cfg.split([' ', '(', ')', ',', ']'])
            .any(|other| other == *word)
    }) && !cfg.contains("not")
}

/// Attributes of an item.
pub(super) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name that an item gives to something.
pub(super) fn name(item: &Item) -> Option<String> {
    Some(
        match item {
            Item::Const(item) => &item.ident,
            Item::Enum(item) => &item.ident,
            Item::Fn(item) => &item.sig.ident,
            Item::Static(item) => &item.ident,
            Item::Struct(item) => &item.ident,
            Item::Trait(item) => &item.ident,
            Item::Type(item) => &item.ident,
            _ => return None,
        }
        .to_string(),
    )
}
