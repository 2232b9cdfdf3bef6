//! Links from one document to another, joined as a browser does (RFC 3986, 5.2): those of STAC items to their assets, of
//! catalogs to items, of a page of a search to the next.

use super::library;

/// Where `href` leads from the document at `base`, a URL or a path: absolute links as they are.
#[must_use]
pub fn joined(base: &str, href: &str) -> String {
    if !library::is_plain_path(href) {
        return href.to_owned();
    }
    let base = base.split('?').next().unwrap_or(base);
    let (root, path) = match base.split_once("://") {
        Some((scheme, _)) if href.starts_with("//") => return format!("{scheme}:{href}"),
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            (format!("{scheme}://{host}/"), path)
        }
        None if base.starts_with('/') => ("/".to_owned(), &base[1..]),
        None => (String::new(), base),
    };
    if let Some(rest) = href.strip_prefix('/') {
        return if base.contains("://") { format!("{root}{rest}") } else { href.to_owned() };
    }
    if href.starts_with('?') {
        return format!("{base}{href}");
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in href.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|p| *p != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("{root}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_joined_like_a_browser_does() {
        let cases = [
            ("https://h/a/catalog.json", "./b/item.json", "https://h/a/b/item.json"),
            ("https://h/a/b/item.json?x=1", "../c.json", "https://h/a/c.json"),
            ("https://h/a/search", "?token=2", "https://h/a/search?token=2"),
            ("https://h/a/search", "/b?token=2", "https://h/b?token=2"),
            ("https://h/a/search", "//other/b", "https://other/b"),
            ("https://h", "search", "https://h/search"),
            ("/data/catalog.json", "./x/y.json", "/data/x/y.json"),
            ("data/catalog.json", "../y.json", "y.json"),
            ("catalog.json", "../y.json", "../y.json"),
            ("/data/catalog.json", "/other/y.json", "/other/y.json"),
            ("/data/catalog.json", "https://h/y", "https://h/y"),
        ];
        for (base, href, wanted) in cases {
            assert_eq!(joined(base, href), wanted, "{base} {href}");
        }
    }
}
