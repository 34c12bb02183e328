//! Access to S3 buckets: the usual `AWS_*` variables, and flags for what they do not cover.

use clap::Args;

use crate::artifact::s3::{Keys, S3Options, Secret};

/// Flags for S3 buckets. They apply to `--storage-url s3://bucket/prefix` and to `--source-bucket`.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "S3 options")]
pub struct S3Flags {
    /// URL of the S3 service [default: Amazon S3]
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL")]
    pub s3_endpoint: Option<String>,
    /// URL of the S3 service for clients, used in signed URLs [default: --s3-endpoint]
    #[arg(long, env = "OPTIN_S3_PUBLIC_ENDPOINT", value_name = "URL")]
    pub s3_public_endpoint: Option<String>,
    /// Region, used in request signatures [default: us-east-1]
    #[arg(long, env = "AWS_REGION", value_name = "NAME")]
    pub s3_region: Option<String>,
    /// Put the bucket name in the host instead of the path (virtual-hosted-style URLs)
    #[arg(long, env = "OPTIN_S3_VIRTUAL_HOST")]
    pub s3_virtual_host: bool,
    /// Access key ID [default: the credentials of the machine's role]
    #[arg(
        long,
        env = "AWS_ACCESS_KEY_ID",
        value_name = "ID",
        hide_env_values = true
    )]
    pub s3_access_key_id: Option<String>,
    /// Secret access key; prefer the environment variable, which other users cannot see
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", value_name = "KEY", hide_env_values = true, value_parser = secret)]
    pub s3_secret_access_key: Option<Secret>,
    /// Session token of temporary credentials
    #[arg(long, env = "AWS_SESSION_TOKEN", value_name = "TOKEN", hide_env_values = true, value_parser = secret)]
    pub s3_session_token: Option<Secret>,
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(text.into())
}

impl S3Flags {
    /// Returns the options for `bucket/prefix`.
    ///
    /// # Errors
    /// Returns a message with the remedy if the name is invalid or half of the key pair is missing.
    pub fn bucket(&self, place: &str) -> Result<S3Options, String> {
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let plain = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | '_');
        let prefix = prefix.trim_end_matches('/');
        let parts_hold = prefix.is_empty()
            || prefix
                .split('/')
                .all(|part| part.chars().all(plain) && !matches!(part, "" | "." | ".."));
        if bucket.is_empty() || !bucket.chars().all(plain) || !parts_hold {
            return Err("invalid bucket in --storage-url or --source-bucket; write s3://bucket or s3://bucket/prefix for --storage-url and the name for --source-bucket, of letters, digits, '.', '_' and '-'".to_owned());
        }
        let keys = match (&self.s3_access_key_id, &self.s3_secret_access_key) {
            (Some(id), Some(secret)) => Some(Keys {
                id: id.clone(),
                secret: secret.clone(),
                session_token: self.s3_session_token.clone(),
            }),
            (None, None) => None,
            _ => return Err("half of the S3 key pair is missing; set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned()),
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
