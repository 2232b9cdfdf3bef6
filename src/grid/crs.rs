//! Name of a coordinate reference system. Knowing what it means is the business of `io`, which asks PROJ.

/// A coordinate reference system by its definition in WKT, with the EPSG code where it is known.
#[derive(Debug, Clone)]
pub struct Crs {
    /// EPSG code where the definition carries one.
    pub epsg: Option<u32>,
    /// OGC well-known text as PROJ writes it.
    pub wkt: String,
}

impl PartialEq for Crs {
    /// Equal EPSG codes are equal systems; without codes the texts are compared.
    fn eq(&self, other: &Self) -> bool {
        match (self.epsg, other.epsg) {
            (Some(a), Some(b)) => a == b,
            _ => self.wkt == other.wkt,
        }
    }
}

impl Crs {
    /// How the system is called in messages: `EPSG:32652`, or the name inside its WKT.
    #[must_use]
    pub fn name(&self) -> String {
        match self.epsg {
            Some(code) => format!("EPSG:{code}"),
            None => self.wkt.split('"').nth(1).unwrap_or("unnamed CRS").to_owned(),
        }
    }
}
