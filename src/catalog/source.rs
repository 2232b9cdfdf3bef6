//! Where to search: endpoints known by name, URLs, files and folders.

use super::Error;
use std::path::Path;

/// Where scenes are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogAddress {
    /// A STAC API whose ways are known.
    Api(Endpoint),
    /// A URL or file: a STAC API, a static catalog, a collection of items, one item.
    Place(String),
    /// A folder: every item file in it and below it.
    Folder(String),
}

/// A STAC API and what is special about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Name on the command line.
    pub name: String,
    /// URL of the landing page.
    pub url: String,
    /// Collections that are searched where none are asked for.
    pub collections: Vec<String>,
    /// How assets are signed, where they must be.
    pub sas: Option<Sas>,
    /// Host of the object store behind `s3:` assets, where it is not Amazon's.
    pub s3_host: Option<String>,
}

/// Shared access signatures of Azure blob storage: one token a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sas {
    /// `{token_url}/{account}/{container}` gives a token.
    pub token_url: String,
    /// End of the host names whose first label is the account.
    pub host_suffix: String,
}

impl CatalogAddress {
    /// What a user wrote: a known name, a URL, a file or a folder. Nothing is asked of the network.
    ///
    /// # Errors
    /// [`Error::Source`] for anything else.
    ///
    /// ```
    /// use railwatch::catalog::CatalogAddress;
    /// assert!(matches!(CatalogAddress::parse("earth-search"), Ok(CatalogAddress::Api(_))));
    /// assert!(matches!(CatalogAddress::parse("https://example.org/catalog.json"), Ok(CatalogAddress::Place(_))));
    /// assert!(CatalogAddress::parse("no-such-endpoint").is_err());
    /// ```
    pub fn parse(spec: &str) -> Result<Self, Error> {
        let spec = spec.trim();
        if let Some(endpoint) = endpoints().into_iter().find(|e| e.name == spec) {
            return Ok(Self::Api(endpoint));
        }
        if spec.starts_with("http://") || spec.starts_with("https://") {
            let url = spec.trim_end_matches('/');
            let known = endpoints().into_iter().find(|e| e.url == url);
            return Ok(known.map_or_else(|| Self::Place(spec.to_owned()), Self::Api));
        }
        let path = spec.strip_prefix("file://").unwrap_or(spec);
        if Path::new(path).is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        if Path::new(path).is_file() {
            return Ok(Self::Place(path.to_owned()));
        }
        let known = endpoints().into_iter().map(|e| e.name).collect::<Vec<_>>().join(", ");
        Err(Error::Source { spec: spec.to_owned(), known })
    }
}

/// The endpoints known by name.
#[must_use]
pub fn endpoints() -> Vec<Endpoint> {
    let endpoint = |name: &str, url: &str, collections: &[&str]| Endpoint {
        name: name.to_owned(),
        url: url.to_owned(),
        collections: collections.iter().map(|c| (*c).to_owned()).collect(),
        sas: None,
        s3_host: None,
    };
    let planetary = "https://planetarycomputer.microsoft.com/api";
    vec![
        endpoint(
            "earth-search",
            "https://earth-search.aws.element84.com/v1",
            &["sentinel-2-c1-l2a", "sentinel-2-l2a"],
        ),
        Endpoint {
            sas: Some(Sas {
                token_url: format!("{planetary}/sas/v1/token"),
                host_suffix: ".blob.core.windows.net".to_owned(),
            }),
            ..endpoint("planetary-computer", &format!("{planetary}/stac/v1"), &["sentinel-2-l2a"])
        },
        Endpoint {
            s3_host: Some("eodata.dataspace.copernicus.eu".to_owned()),
            ..endpoint("cdse", "https://stac.dataspace.copernicus.eu/v1", &["sentinel-2-l2a"])
        },
    ]
}
