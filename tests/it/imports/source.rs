//! Reads the imports of source files.

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};
use std::collections::BTreeMap;
use syn::UseTree;

/// The files that each file imports, with a line in which it does.
pub type Graph = BTreeMap<String, BTreeMap<String, usize>>;

/// A module, as the names of the modules that lead to it from the root of the crate.
type Module = Vec<String>;

/// A path in the code of a file.
struct Import {
    module: Module,
    path: Vec<String>,
    line: usize,
}

/// The modules of a crate, and the paths in their code.
#[derive(Default)]
pub struct Source {
    /// The file of each module.
    files: BTreeMap<Module, String>,
    /// The names that `use` declarations bind in a module, with their paths.
    names: BTreeMap<(Module, String), Vec<String>>,
    imports: Vec<Import>,
}

impl Source {
    /// Reads files, given by their path and text.
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut source = Self::default();
        for (path, text) in files {
            let module = path.trim_end_matches(".rs").split('/');
            let mut module: Module = module.map(str::to_owned).collect();
            if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
                module.pop();
            }
            source.files.insert(module.clone(), path.to_owned());
            let tokens: TokenStream = text
                .parse()
                .unwrap_or_else(|error| panic!("{path} is not Rust code: {error}"));
            source.read_tokens(tokens, &module);
        }
        source
    }

    fn read_tokens(&mut self, tokens: TokenStream, module: &Module) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            let rest = &tokens[at..];
            at += match (&rest[0], rest.get(1), rest.get(2)) {
                (
                    TokenTree::Ident(word),
                    Some(TokenTree::Ident(name)),
                    Some(TokenTree::Group(body)),
                ) if word == "mod" && body.delimiter() == Delimiter::Brace => {
                    let mut inner = module.clone();
                    inner.push(name.to_string());
                    let file = self.files[module].clone();
                    self.files.insert(inner.clone(), file);
                    self.read_tokens(body.stream(), &inner);
                    3
                }
                (TokenTree::Ident(word), ..) if word == "use" => self.read_use(rest, module),
                (TokenTree::Ident(word), Some(TokenTree::Group(scope)), _)
                    if word == "pub" && is_scope(scope) =>
                {
                    2
                }
                (TokenTree::Ident(_), ..) => self.read_path(rest, module),
                // A path after `::` is global, or belongs to what is in front of it.
                _ if is_separator(rest) => 2 + path_of(&rest[2..]).1,
                (TokenTree::Group(group), ..) => {
                    self.read_tokens(group.stream(), module);
                    1
                }
                _ => 1,
            };
        }
    }

    /// Reads a `use` declaration. Returns its number of tokens.
    fn read_use(&mut self, tokens: &[TokenTree], module: &Module) -> usize {
        let end = tokens
            .iter()
            .position(|token| matches!(token, TokenTree::Punct(sign) if sign.as_char() == ';'));
        let Some(end) = end else {
            return 1;
        };
        let line = tokens[0].span().start().line;
        let tree: TokenStream = tokens[1..end].iter().cloned().collect();
        // A bound such as `use<'a>` is no declaration, and a path after `::` leads to another crate.
        if let Ok(tree) = syn::parse2::<UseTree>(tree) {
            self.read_tree(&tree, &mut Vec::new(), module, line);
        }
        end + 1
    }

    fn read_tree(
        &mut self,
        tree: &UseTree,
        prefix: &mut Vec<String>,
        module: &Module,
        line: usize,
    ) {
        let (name, bound) = match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.read_tree(&path.tree, prefix, module, line);
                prefix.pop();
                return;
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.read_tree(tree, prefix, module, line);
                }
                return;
            }
            UseTree::Name(name) => (name.ident.to_string(), name.ident.to_string()),
            UseTree::Rename(name) => (name.ident.to_string(), name.rename.to_string()),
            UseTree::Glob(_) => ("*".to_owned(), "*".to_owned()),
        };
        let mut path = prefix.clone();
        let bound = match name.as_str() {
            "self" if bound == "self" => prefix.last().cloned().unwrap_or_default(),
            "self" => bound,
            _ => {
                path.push(name);
                bound
            }
        };
        self.names.insert((module.clone(), bound), path.clone());
        self.imports.push(Import {
            module: module.clone(),
            path,
            line,
        });
    }

    /// Reads a path in the code. Returns its number of tokens.
    fn read_path(&mut self, tokens: &[TokenTree], module: &Module) -> usize {
        let (mut path, count) = path_of(tokens);
        if path.len() > 1 {
            // Outside of `use`, the last segment is never a module.
            path.pop();
            self.imports.push(Import {
                module: module.clone(),
                path,
                line: tokens[0].span().start().line,
            });
        }
        count
    }

    /// Returns the last module that a path names, and the number of its segments that name modules.
    fn resolve(&self, from: &Module, path: &[String]) -> Option<(Module, usize)> {
        let mut module = from.clone();
        let mut used = 1;
        match path[0].as_str() {
            "crate" => module.clear(),
            "self" => {}
            "super" => {
                module.pop();
                while path.get(used).is_some_and(|segment| segment == "super") {
                    module.pop();
                    used += 1;
                }
            }
            name => {
                module.push(name.to_owned());
                if !self.files.contains_key(&module) {
                    let target = self.names.get(&(from.clone(), name.to_owned()))?;
                    if target[0] == name {
                        // An external crate.
                        return None;
                    }
                    let (found, segments) = self.resolve(from, target)?;
                    if segments < target.len() {
                        return None;
                    }
                    module = found;
                }
            }
        }
        for segment in &path[used..] {
            module.push(segment.clone());
            if !self.files.contains_key(&module) {
                module.pop();
                break;
            }
            used += 1;
        }
        Some((module, used))
    }

    /// Returns the imports between the files of some top-level modules, each with the line of the first one.
    pub fn graph(&self, modules: &[&str]) -> Graph {
        let mut graph = Graph::new();
        for import in &self.imports {
            let Some((target, _)) = self.resolve(&import.module, &import.path) else {
                continue;
            };
            let of = |module: &Module| {
                let top = module.first()?;
                modules
                    .contains(&top.as_str())
                    .then(|| self.files[module].clone())
            };
            if let (Some(from), Some(to)) = (of(&import.module), of(&target))
                && from != to
            {
                let line = graph
                    .entry(from)
                    .or_default()
                    .entry(to)
                    .or_insert(import.line);
                *line = import.line.min(*line);
            }
        }
        graph
    }
}

/// The path at the start of these tokens, and its number of tokens.
fn path_of(tokens: &[TokenTree]) -> (Vec<String>, usize) {
    let mut path = Vec::new();
    let mut at = 0;
    while let Some(TokenTree::Ident(segment)) = tokens.get(at) {
        path.push(segment.to_string());
        at += 1;
        if !is_separator(&tokens[at..]) {
            break;
        }
        at += 2;
    }
    (path, at)
}

/// Returns whether the tokens begin with `::` and a name.
fn is_separator(tokens: &[TokenTree]) -> bool {
    let colon = |token: &TokenTree, spacing: Option<Spacing>| match token {
        TokenTree::Punct(sign) => {
            sign.as_char() == ':' && spacing.is_none_or(|spacing| sign.spacing() == spacing)
        }
        _ => false,
    };
    match tokens {
        [first, second, TokenTree::Ident(_), ..] => {
            colon(first, Some(Spacing::Joint)) && colon(second, None)
        }
        _ => false,
    }
}

/// Returns whether the group behind `pub` limits the visibility, as in `pub(in path)`. Its path imports nothing.
fn is_scope(group: &Group) -> bool {
    let first = group.stream().into_iter().next();
    let words = ["crate", "super", "self", "in"];
    matches!(first, Some(TokenTree::Ident(word)) if words.iter().any(|known| word == known))
}
