use super::zone::Zone;
use super::{joda, pattern, resolve, time_parser};
use jiff::Timestamp;

#[test]
fn joda_patterns_format_times() {
    let check = |pattern: &str, ms: i64, zone: &str, expected: Option<&str>| {
        let zone = Zone::joda(zone).expect("the zone exists");
        let time = Timestamp::from_millisecond(ms).expect("the time is in range");
        let formatted = joda::format(pattern, time, &zone);
        assert_eq!(formatted.as_deref(), expected, "{pattern}");
    };
    let tuesday = 1_700_000_000_123;
    for (pattern, expected) in [
        ("E EEE EEEE e", "Tue Tue Tuesday 2"),
        ("M MM MMM MMMM", "11 11 Nov November"),
        ("y yy yyy yyyy yyyyy", "2023 23 2023 2023 02023"),
        ("Y C x w D", "2023 20 2023 46 318"),
        ("H k K h a", "22 22 10 10 PM"),
        ("S SS SSS SSSSS", "1 12 123 12300"),
        ("z Z ZZ ZZZ", "UTC +0000 +00:00 UTC"),
        ("'o''clock' ''", "o'clock '"),
        ("G.d", "AD.14"),
    ] {
        check(pattern, tuesday, "UTC", Some(expected));
    }
    check("ZZ z", tuesday, "America/New_York", Some("-05:00 EST"));
    check("ZZZ Z", tuesday, "+05:30", Some("+05:30 +0530"));
    check("HH:mm", tuesday, "Asia/Kolkata", Some("03:43"));
    check("yyyy b", tuesday, "UTC", None);
    check("'open", tuesday, "UTC", None);
    check("G y", -62_200_000_000_000, "UTC", Some("BC -2"));
}

#[test]
fn jdk_patterns_read_times() {
    let check = |text: &str, pattern: &str, expected: Option<i64>| {
        let items = pattern::parse_jdk(pattern);
        let fields = items.and_then(|items| time_parser::parse(text, &items));
        let epoch = fields.and_then(|fields| resolve::epoch_ms(&fields));
        assert_eq!(epoch, expected, "{text} as {pattern}");
    };
    let noon = 1_700_049_600_000;
    for (text, pattern, expected) in [
        ("20231115120000", "yyyyMMddHHmmss", Some(noon)),
        ("2023-11-15T12:00:00Z", "yyyy-MM-dd'T'HH:mm:ssX", Some(noon)),
        (
            "2023-11-15T13:00:00+01",
            "yyyy-MM-dd'T'HH:mm:ssX",
            Some(noon),
        ),
        (
            "2023-11-15T13:00:00+01:00",
            "yyyy-MM-dd'T'HH:mm:ssXXX",
            Some(noon),
        ),
        ("2023-11-15T13:00:00+0100", "yyyy-MM-dd'T'HH:mm:ssXXX", None),
        (
            "2023-11-15T13:00:00+0100",
            "yyyy-MM-dd'T'HH:mm:ssZ",
            Some(noon),
        ),
        (
            "2023-11-15 07:00 America/New_York",
            "yyyy-MM-dd HH:mm VV",
            Some(noon),
        ),
        ("2023-11-15 07:00 EST", "yyyy-MM-dd HH:mm z", Some(noon)),
        ("15/11/23 12:00 PM", "dd/MM/yy hh:mm a", Some(noon)),
        ("Wed, 15 Nov 2023 12", "EEE, d MMM yyyy H", Some(noon)),
        ("Thu, 15 Nov 2023 12", "EEE, d MMM yyyy H", None),
        (
            "2023-11-15 12:00:00.5",
            "yyyy-MM-dd HH:mm:ss.S",
            Some(noon + 500),
        ),
        ("2023-11-15 12", "yyyy-MM-dd HH[:mm]", Some(noon)),
        (
            "2023-11-15 12:01",
            "yyyy-MM-dd HH[:mm]",
            Some(noon + 60_000),
        ),
        ("2023-319 12", "yyyy-DDD HH", Some(noon)),
        (
            "2023-11-14 24:00",
            "yyyy-MM-dd HH:mm",
            Some(noon - 43_200_000),
        ),
        ("2023-11-15", "yyyy-MM-dd HH", None),
        ("2023-11-15 12", "yyyy-MM-dd", None),
        ("2023-13-15", "yyyy-MM-dd", None),
        ("2023-02-30", "yyyy-MM-dd", Some(1_677_542_400_000)),
        ("12:00", "HH:mm", None),
        ("2023-11-15", "yyyy-MM-dd#", None),
    ] {
        check(text, pattern, expected);
    }
}
