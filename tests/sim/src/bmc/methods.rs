//! Which methods a resource takes, as the `Allow` header tells it (DSP0266, response headers: with every GET and HEAD, and
//! with 405). HPE's guides show it, and sushy inserts by PATCH only where it lists PATCH.

use super::profile::Profile;

/// `Allow` of a resource, by the segments of its path below `/redfish/v1`.
pub(super) fn allowed(profile: &Profile, segments: &[&str]) -> &'static str {
    let identity = &profile.identity;
    let sessions = profile.http.sessions.map(|path| path.split('/').collect::<Vec<_>>());
    let below = sessions.as_deref().and_then(|sessions| segments.strip_prefix(sessions));
    match (segments, below) {
        (_, Some([])) => "GET, HEAD, POST",
        (_, Some([_])) => "GET, HEAD, DELETE",
        ([.., "Actions", _], _) => "POST",
        ([.., "VirtualMedia", _], _) if profile.media.patch => "GET, HEAD, PATCH",
        (["Systems", id], _) if *id == identity.system => "GET, HEAD, PATCH",
        (["Systems", _, name], _) if profile.boot.settings.is_some_and(|shape| shape.name == *name) => {
            "GET, HEAD, PATCH"
        }
        (["Chassis", id], _) if *id == identity.chassis => "GET, HEAD, PATCH",
        _ => "GET, HEAD",
    }
}

#[cfg(test)]
mod tests {
    use super::super::personality::Personality;
    use super::*;

    #[test]
    fn a_resource_tells_the_methods_it_takes() {
        for (personality, path, expected) in [
            (Personality::Generic, "", "GET, HEAD"),
            (Personality::Generic, "Systems", "GET, HEAD"),
            (Personality::Generic, "Systems/1", "GET, HEAD, PATCH"),
            (Personality::Generic, "Systems/1/Bios", "GET, HEAD"),
            (Personality::Generic, "Systems/1/Actions/ComputerSystem.Reset", "POST"),
            (Personality::Generic, "Systems/1/VirtualMedia/Cd", "GET, HEAD"),
            (Personality::Generic, "Chassis/1U", "GET, HEAD, PATCH"),
            (Personality::Generic, "SessionService", "GET, HEAD"),
            (Personality::Generic, "SessionService/Sessions", "GET, HEAD, POST"),
            (Personality::Generic, "SessionService/Sessions/1", "GET, HEAD, DELETE"),
            (Personality::Idrac10, "Systems/System.Embedded.1/Settings", "GET, HEAD, PATCH"),
            (Personality::Ilo4, "Managers/1/VirtualMedia/2", "GET, HEAD, PATCH"),
        ] {
            let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
            assert_eq!(allowed(&personality.profile(), &segments), expected, "{personality}: {path}");
        }
    }
}
