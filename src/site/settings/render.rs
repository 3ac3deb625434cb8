//! The first `entracte.toml` of a site.

use std::path::Path;

use url::Url;

/// What `init` found out.
pub struct New<'a> {
    pub root: &'a Path,
    pub profile: &'a str,
    pub url: Option<&'a Url>,
    pub database_url: Option<&'a str>,
    pub password_file: Option<&'a Path>,
    pub gate: &'a str,
    /// Where new releases come from.
    pub from: Option<&'a str>,
    /// What they are releases of, where the profile does not say it.
    pub product: Option<&'a str>,
    /// What stands under `[network]`, if anything.
    pub network: &'a str,
}

/// The first `entracte.toml` of a site, with comments.
pub fn render(new: &New) -> String {
    let text = |value: &str| toml::Value::String(value.to_owned()).to_string();
    let line = |name: &str, value: Option<String>, example: &str| match value {
        Some(value) => format!("{name} = {}\n", text(&value)),
        None => format!("# {name} = {example}\n"),
    };
    let mut page = String::from(
        "# The settings of this site; every one is described in docs/settings.md.\nformat = 1\n",
    );
    page += &line("root", Some(new.root.to_string_lossy().into_owned()), "");
    page += &line("profile", Some(new.profile.to_owned()), "");
    page += &new.product.map(|product| line("product", Some(product.to_owned()), "")).unwrap_or_default();
    page += &line("url", new.url.map(ToString::to_string), "\"https://www.example.org/\"");
    page += "# The closed page speaks each visitor's language, unless one is set: \"en\" or \"fr\".\n# language = \"en\"\n";
    page += "# Your own files, besides those that the profile knows: never replaced, removed or added.\nkeep = []\n";
    page += "\n[database]\n";
    page += &line("url", new.database_url.map(str::to_owned), "\"mysql://user@localhost/name\"");
    page += &line(
        "password_file",
        new.password_file.map(|path| path.to_string_lossy().into_owned()),
        "\"/path/to/a/file/of/mode/0600\"",
    );
    page += "\n[gate]\n# How visitors are kept out: apache, nginx, prepend, wordpress, command, none.\n";
    page += &line("kind", Some(new.gate.to_owned()), "");
    page += "# Time for requests under way to end.\ndrain_seconds = 1.0\n";
    page += "\n[policy]\n";
    if let Some(from) = new.from {
        page += "# Where new releases come from, as `stage --from` takes it.\n";
        page += &line("from", Some(from.to_owned()), "");
    }
    page += "# A file that both you and the release changed: \"ours\" keeps yours and puts theirs beside it as NAME.new,\n";
    page += "# \"theirs\" replaces yours (it stays in the backup set), \"stop\" refuses the plan.\nconflicts = \"ours\"\n";
    page += "# [[policy.rule]]\n# pattern = \"themes/**\"\n# conflicts = \"stop\"\n";
    if !new.network.is_empty() {
        page += "\n# How releases are fetched.\n[network]\n";
        page += new.network;
    }
    page += "\n[php]\n# PHP's opcache.revalidate_freq, or a program that makes PHP forget compiled files.\n";
    page += "revalidate_seconds = 2.0\n# reload = [\"systemctl\", \"reload\", \"php8.2-fpm\"]\n";
    page += "\n# Pages that tell whether the site is well; default: its home page.\n";
    page += "# [[health.urls]]\n# url = \"/shop\"\n# marker = \"Basket\"\n";
    page += "# Programs that tell it by their exit status, run in the site's folder.\n";
    page += "# [[health.command]]\n# argv = [\"/home/me/bin/check-shop\"]\n";
    page += "\n# Programs of your own before, after or after the failure of a step: docs/hooks.md.\n";
    page += "# [[hooks.before]]\n# step = \"close\"\n# argv = [\"/home/me/bin/stop-imports\"]\n";
    page
}
