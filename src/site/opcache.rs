//! Whether PHP would go on with compiled files after the files have changed.

/// What one PHP says of its opcode cache.
#[derive(Clone, Debug, PartialEq)]
pub struct OpcodeCache {
    /// Whose it is, for people.
    pub name: String,
    enabled: bool,
    validates: bool,
    revalidate_seconds: f64,
}

impl OpcodeCache {
    /// As `php -i` lists it, a line a setting: `name => local => master`.
    pub fn listed(name: &str, listing: &str) -> OpcodeCache {
        let settings = listing.lines().filter_map(|line| {
            let mut parts = line.split("=>").map(str::trim);
            Some((parts.next()?, parts.next()?))
        });
        // Without the extension there is no such line, and no cache.
        let none =
            OpcodeCache { name: name.into(), enabled: false, validates: true, revalidate_seconds: 2.0 };
        none.changed_by(name, settings)
    }

    /// With what a pool or a `.user.ini` sets besides.
    pub fn changed_by<'s>(
        &self,
        name: &str,
        settings: impl Iterator<Item = (&'s str, &'s str)>,
    ) -> OpcodeCache {
        let mut changed = OpcodeCache { name: name.into(), ..self.clone() };
        for (setting, value) in settings {
            match setting {
                "opcache.enable" => changed.enabled = is_on(value),
                "opcache.validate_timestamps" => changed.validates = is_on(value),
                "opcache.revalidate_freq" => {
                    changed.revalidate_seconds = value.parse().unwrap_or(changed.revalidate_seconds);
                }
                _ => {}
            }
        }
        changed
    }

    /// Why old code would be served by somebody who waits so long after a change.
    pub fn serves_old_code(&self, waits: f64) -> Option<String> {
        let Self { name, revalidate_seconds, .. } = self;
        match (self.enabled, self.validates) {
            (false, _) => None,
            (true, false) => Some(format!("{name} never looks whether a file has changed")),
            (true, true) if *revalidate_seconds > waits => Some(format!(
                "{name} looks every {revalidate_seconds} s whether a file has changed, and entracte waits {waits} s"
            )),
            (true, true) => None,
        }
    }

    /// How long one has to wait; `None` where no time is long enough.
    pub fn seconds_to_wait(&self) -> Option<f64> {
        self.validates.then_some(self.revalidate_seconds)
    }
}

fn is_on(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "on" | "yes" | "true")
}

/// The settings of a `.user.ini`: `name = value`, comments begin with `;`.
pub fn user_ini(text: &str) -> impl Iterator<Item = (&str, &str)> {
    lines(text).map(|(name, value)| (name.trim(), value))
}

/// The settings that the pools of an FPM make, in one file: `php_value[name] = value`.
pub fn pool(text: &str) -> impl Iterator<Item = (&str, &str)> {
    lines(text).filter_map(|(name, value)| {
        let (kind, rest) = name.trim().split_once('[')?;
        let known = matches!(kind, "php_value" | "php_flag" | "php_admin_value" | "php_admin_flag");
        known.then_some((rest.strip_suffix(']')?, value))
    })
}

fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let (name, value) = line.split(';').next()?.split_once('=')?;
        Some((name, value.trim().trim_matches(['"', '\''])))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: &str = "opcache.enable => On => On\nopcache.enable_cli => Off => Off\n\
        opcache.revalidate_freq => 2 => 2\nopcache.validate_timestamps => On => On\n";

    #[test]
    fn old_code_is_served_by_who_never_looks_or_looks_too_late() {
        for (more, waits, said) in [
            ("", 2.0, None),
            ("", 1.0, Some("looks every 2 s")),
            ("opcache.revalidate_freq=60", 2.0, Some("looks every 60 s")),
            ("opcache.revalidate_freq=60", 60.0, None),
            ("opcache.validate_timestamps=0 ; faster", 600.0, Some("never looks")),
            ("opcache.enable = \"off\"\nopcache.validate_timestamps=0", 2.0, None),
            ("; opcache.validate_timestamps=0", 2.0, None),
        ] {
            let cache = OpcodeCache::listed("php", USUAL).changed_by("php", user_ini(more));
            let found = cache.serves_old_code(waits);
            assert_eq!(found.is_some(), said.is_some(), "{more}: {found:?}");
            assert!(found.unwrap_or_default().contains(said.unwrap_or_default()), "{more}");
        }
        assert_eq!(OpcodeCache::listed("php", "PHP Version => 8.2").serves_old_code(0.0), None);
    }

    #[test]
    fn a_pool_says_it_in_its_own_way() {
        let text = "[www]\nuser = www-data\nphp_admin_value[opcache.revalidate_freq] = 30\n\
            ;php_admin_flag[opcache.validate_timestamps] = off\nphp_flag[display_errors] = off\n";
        let found: Vec<_> = pool(text).collect();
        assert_eq!(found, [("opcache.revalidate_freq", "30"), ("display_errors", "off")]);
    }
}
