//! How a bucket is reached: the usual `AWS_*` names, and what they do not know.

use clap::Args;

use crate::artifact::s3::{Keys, S3Options, Secret};

/// Flags of a bucket; they matter with `--storage-url s3://..` only.
#[derive(Args, Clone, Debug, Default)]
pub struct S3Flags {
    /// URL of the S3 service [default: Amazon's own]
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL")]
    pub s3_endpoint: Option<String>,
    /// URL under which callers reach the S3 service, for download URLs [default: the endpoint]
    #[arg(long, env = "OPTIN_S3_PUBLIC_ENDPOINT", value_name = "URL")]
    pub s3_public_endpoint: Option<String>,
    /// Region that signatures name [default: us-east-1]
    #[arg(long, env = "AWS_REGION", value_name = "NAME")]
    pub s3_region: Option<String>,
    /// The bucket's name stands in the endpoint's host, not in the path
    #[arg(long, env = "OPTIN_S3_VIRTUAL_HOST")]
    pub s3_virtual_host: bool,
    /// Access key id [default: the machine's role]
    #[arg(
        long,
        env = "AWS_ACCESS_KEY_ID",
        value_name = "ID",
        hide_env_values = true
    )]
    pub s3_access_key_id: Option<String>,
    /// Secret access key; better given in the environment, which other users do not see
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", value_name = "KEY", hide_env_values = true, value_parser = secret)]
    pub s3_secret_access_key: Option<Secret>,
    /// Session token of temporary keys
    #[arg(long, env = "AWS_SESSION_TOKEN", value_name = "TOKEN", hide_env_values = true, value_parser = secret)]
    pub s3_session_token: Option<Secret>,
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(text.into())
}

impl S3Flags {
    /// The options of `bucket/prefix`.
    ///
    /// # Errors
    /// A sentence with the remedy.
    pub fn bucket(&self, place: &str) -> Result<S3Options, String> {
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let plain = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | '_');
        let prefix = prefix.trim_end_matches('/');
        let parts_hold = prefix.is_empty()
            || prefix
                .split('/')
                .all(|part| part.chars().all(plain) && !matches!(part, "" | "." | ".."));
        if bucket.is_empty() || !bucket.chars().all(plain) || !parts_hold {
            return Err("--storage-url names no bucket; write s3://bucket or s3://bucket/prefix, of letters, digits, '.', '_' and '-'".to_owned());
        }
        let keys = match (&self.s3_access_key_id, &self.s3_secret_access_key) {
            (Some(id), Some(secret)) => Some(Keys {
                id: id.clone(),
                secret: secret.clone(),
                session_token: self.s3_session_token.clone(),
            }),
            (None, None) => None,
            _ => return Err("one half of the S3 key pair is missing; give both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned()),
        };
        Ok(S3Options {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            endpoint: self.s3_endpoint.clone(),
            public_endpoint: self.s3_public_endpoint.clone(),
            region: self
                .s3_region
                .clone()
                .unwrap_or_else(|| "us-east-1".to_owned()),
            virtual_host: self.s3_virtual_host,
            keys,
        })
    }
}
