/*
 * func_units.c -- convert_length() and kin, format_bytes(). Know first: a unit is value * scale + offset in the base unit of its
 * kind (metre, kilogram, ...).
 */
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "query/eval.h"

typedef struct unit {
    const char *name;
    double scale;
    double offset;
} unit;

#define UNIT_FOOT    0.3048
#define UNIT_INCH    0.0254
#define UNIT_USFOOT  (1200.0 / 3937.0)
#define UNIT_POUND   0.45359237
#define UNIT_GRAVITY 9.80665
#define UNIT_PI      3.14159265358979323846
#define UNIT_DEGREE  (UNIT_PI / 180)
#define UNIT_PARSEC  3.08567758128e16
#define UNIT_YEAR    9.46073047258e15
#define UNIT_CUFOOT  0.028316846592
#define UNIT_USGAL   0.003785411784
#define UNIT_UKGAL   0.00454609

static const unit units_length[] = {
    {"Angstrom", 1e-10, 0},
    {"AstronomicalUnit", 1.495978707e11, 0},
    {"Centimeter", 1e-2, 0},
    {"Chain", 20.1168, 0},
    {"DataMile", 6000 * UNIT_FOOT, 0},
    {"Decameter", 10, 0},
    {"Decimeter", 0.1, 0},
    {"DtpPica", UNIT_INCH / 6, 0},
    {"DtpPoint", UNIT_INCH / 72, 0},
    {"Fathom", 1.8288, 0},
    {"Foot", UNIT_FOOT, 0},
    {"Hand", 0.1016, 0},
    {"Hectometer", 100, 0},
    {"Inch", UNIT_INCH, 0},
    {"KilolightYear", UNIT_YEAR * 1e3, 0},
    {"Kilometer", 1e3, 0},
    {"Kiloparsec", UNIT_PARSEC * 1e3, 0},
    {"LightYear", UNIT_YEAR, 0},
    {"MegalightYear", UNIT_YEAR * 1e6, 0},
    {"Megaparsec", UNIT_PARSEC * 1e6, 0},
    {"Meter", 1, 0},
    {"Microinch", UNIT_INCH * 1e-6, 0},
    {"Micrometer", 1e-6, 0},
    {"Mil", UNIT_INCH * 1e-3, 0},
    {"Mile", 1609.344, 0},
    {"Millimeter", 1e-3, 0},
    {"Nanometer", 1e-9, 0},
    {"NauticalMile", 1852, 0},
    {"Parsec", UNIT_PARSEC, 0},
    {"PrinterPica", UNIT_INCH * 400 / 2409, 0},
    {"PrinterPoint", UNIT_INCH / 72.27, 0},
    {"Shackle", 27.432, 0},
    {"SolarRadius", 6.95510e8, 0},
    {"Twip", UNIT_INCH / 1440, 0},
    {"UsSurveyFoot", UNIT_USFOOT, 0},
    {"Yard", 0.9144, 0},
};

static const unit units_mass[] = {
    {"Centigram", 1e-5, 0},
    {"Decagram", 1e-2, 0},
    {"Decigram", 1e-4, 0},
    {"EarthMass", 5.9722e24, 0},
    {"Grain", 6.479891e-5, 0},
    {"Gram", 1e-3, 0},
    {"Hectogram", 0.1, 0},
    {"Kilogram", 1, 0},
    {"Kilopound", UNIT_POUND * 1e3, 0},
    {"Kilotonne", 1e6, 0},
    {"LongHundredweight", UNIT_POUND * 112, 0},
    {"LongTon", UNIT_POUND * 2240, 0},
    {"Megapound", UNIT_POUND * 1e6, 0},
    {"Megatonne", 1e9, 0},
    {"Microgram", 1e-9, 0},
    {"Milligram", 1e-6, 0},
    {"Nanogram", 1e-12, 0},
    {"Ounce", UNIT_POUND / 16, 0},
    {"Pound", UNIT_POUND, 0},
    {"ShortHundredweight", UNIT_POUND * 100, 0},
    {"ShortTon", UNIT_POUND * 2000, 0},
    {"Slug", UNIT_POUND *UNIT_GRAVITY / UNIT_FOOT, 0},
    {"SolarMass", 1.98947e30, 0},
    {"Stone", UNIT_POUND * 14, 0},
    {"Tonne", 1e3, 0},
};

#define UNIT_SPEED(name, metres)                                                \
    {name "PerHour", (metres) / 3600, 0}, {name "PerMinute", (metres) / 60, 0}, \
    {                                                                           \
        name "PerSecond", (metres), 0                                           \
    }

static const unit units_speed[] = {
    UNIT_SPEED("Centimeter", 1e-2),
    UNIT_SPEED("Decimeter", 0.1),
    UNIT_SPEED("Foot", UNIT_FOOT),
    UNIT_SPEED("Inch", UNIT_INCH),
    UNIT_SPEED("Kilometer", 1e3),
    {"Knot", 1852.0 / 3600, 0},
    {"Mach", 340.29, 0},
    UNIT_SPEED("Meter", 1.0),
    UNIT_SPEED("Micrometer", 1e-6),
    UNIT_SPEED("Mile", 1609.344),
    UNIT_SPEED("Millimeter", 1e-3),
    UNIT_SPEED("Nanometer", 1e-9),
    UNIT_SPEED("UsSurveyFoot", UNIT_USFOOT),
    UNIT_SPEED("Yard", 0.9144),
};

/* To kelvin. */
static const unit units_temperature[] = {
    {"DegreeCelsius", 1, 273.15},
    {"DegreeDelisle", -2.0 / 3, 373.15},
    {"DegreeFahrenheit", 5.0 / 9, 459.67 * 5 / 9},
    {"DegreeNewton", 100.0 / 33, 273.15},
    {"DegreeRankine", 5.0 / 9, 0},
    {"DegreeReaumur", 1.25, 273.15},
    {"DegreeRoemer", 40.0 / 21, 273.15 - 7.5 * 40 / 21},
    {"Kelvin", 1, 0},
    {"MillidegreeCelsius", 1e-3, 273.15},
    {"SolarTemperature", 5778, 0},
};

#define UNIT_BTU  1055.05585262
#define UNIT_EV   1.602176565e-19
#define UNIT_FTLB 1.355817948

static const unit units_energy[] = {
    {"BritishThermalUnit", UNIT_BTU, 0},
    {"Calorie", 4.184, 0},
    {"DecathermEc", 1.05505585262e9, 0},
    {"DecathermImperial", 1.05505585257348e9, 0},
    {"DecathermUs", 1.054804e9, 0},
    {"ElectronVolt", UNIT_EV, 0},
    {"Erg", 1e-7, 0},
    {"FootPound", UNIT_FTLB, 0},
    {"GigabritishThermalUnit", UNIT_BTU * 1e9, 0},
    {"GigaelectronVolt", UNIT_EV * 1e9, 0},
    {"Gigajoule", 1e9, 0},
    {"GigawattDay", 8.64e13, 0},
    {"GigawattHour", 3.6e12, 0},
    {"HorsepowerHour", 2.6845195377e6, 0},
    {"Joule", 1, 0},
    {"KilobritishThermalUnit", UNIT_BTU * 1e3, 0},
    {"Kilocalorie", 4184, 0},
    {"KiloelectronVolt", UNIT_EV * 1e3, 0},
    {"Kilojoule", 1e3, 0},
    {"KilowattDay", 8.64e7, 0},
    {"KilowattHour", 3.6e6, 0},
    {"MegabritishThermalUnit", UNIT_BTU * 1e6, 0},
    {"Megacalorie", 4.184e6, 0},
    {"MegaelectronVolt", UNIT_EV * 1e6, 0},
    {"Megajoule", 1e6, 0},
    {"MegawattDay", 8.64e10, 0},
    {"MegawattHour", 3.6e9, 0},
    {"Millijoule", 1e-3, 0},
    {"TeraelectronVolt", UNIT_EV * 1e12, 0},
    {"TerawattDay", 8.64e16, 0},
    {"TerawattHour", 3.6e15, 0},
    {"ThermEc", 1.05505585262e8, 0},
    {"ThermImperial", 1.05505585257348e8, 0},
    {"ThermUs", 1.054804e8, 0},
    {"WattDay", 86400, 0},
    {"WattHour", 3600, 0},
};

static const unit units_force[] = {
    {"Decanewton", 10, 0},
    {"Dyn", 1e-5, 0},
    {"KilogramForce", UNIT_GRAVITY, 0},
    {"Kilonewton", 1e3, 0},
    {"KiloPond", UNIT_GRAVITY, 0},
    {"KilopoundForce", UNIT_POUND *UNIT_GRAVITY * 1e3, 0},
    {"Meganewton", 1e6, 0},
    {"Micronewton", 1e-6, 0},
    {"Millinewton", 1e-3, 0},
    {"Newton", 1, 0},
    {"OunceForce", UNIT_POUND *UNIT_GRAVITY / 16, 0},
    {"Poundal", UNIT_POUND *UNIT_FOOT, 0},
    {"PoundForce", UNIT_POUND *UNIT_GRAVITY, 0},
    {"ShortTonForce", UNIT_POUND *UNIT_GRAVITY * 2000, 0},
    {"TonneForce", UNIT_GRAVITY * 1e3, 0},
};

/* To radians. */
static const unit units_angle[] = {
    {"Arcminute", UNIT_DEGREE / 60, 0},
    {"Arcsecond", UNIT_DEGREE / 3600, 0},
    {"Centiradian", 1e-2, 0},
    {"Deciradian", 0.1, 0},
    {"Degree", UNIT_DEGREE, 0},
    {"Gradian", UNIT_PI / 200, 0},
    {"Microdegree", UNIT_DEGREE * 1e-6, 0},
    {"Microradian", 1e-6, 0},
    {"Millidegree", UNIT_DEGREE * 1e-3, 0},
    {"Milliradian", 1e-3, 0},
    {"Nanodegree", UNIT_DEGREE * 1e-9, 0},
    {"Nanoradian", 1e-9, 0},
    {"NatoMil", UNIT_PI / 3200, 0},
    {"Radian", 1, 0},
    {"Revolution", 2 * UNIT_PI, 0},
};

static const unit units_volume[] = {
    {"AcreFoot", 1233.48183754752, 0},
    {"AuTablespoon", 2e-5, 0},
    {"BoardFoot", UNIT_CUFOOT / 12, 0},
    {"Centiliter", 1e-5, 0},
    {"CubicCentimeter", 1e-6, 0},
    {"CubicDecimeter", 1e-3, 0},
    {"CubicFoot", UNIT_CUFOOT, 0},
    {"CubicHectometer", 1e6, 0},
    {"CubicInch", 1.6387064e-5, 0},
    {"CubicKilometer", 1e9, 0},
    {"CubicMeter", 1, 0},
    {"CubicMicrometer", 1e-18, 0},
    {"CubicMile", 4.168181825440579584e9, 0},
    {"CubicMillimeter", 1e-9, 0},
    {"CubicYard", 0.764554857984, 0},
    {"Decaliter", 1e-2, 0},
    {"DecausGallon", UNIT_USGAL * 10, 0},
    {"Deciliter", 1e-4, 0},
    {"DeciusGallon", UNIT_USGAL / 10, 0},
    {"HectocubicFoot", UNIT_CUFOOT * 100, 0},
    {"HectocubicMeter", 100, 0},
    {"Hectoliter", 0.1, 0},
    {"HectousGallon", UNIT_USGAL * 100, 0},
    {"ImperialBeerBarrel", UNIT_UKGAL * 36, 0},
    {"ImperialGallon", UNIT_UKGAL, 0},
    {"ImperialOunce", UNIT_UKGAL / 160, 0},
    {"ImperialPint", UNIT_UKGAL / 8, 0},
    {"KilocubicFoot", UNIT_CUFOOT * 1e3, 0},
    {"KilocubicMeter", 1e3, 0},
    {"KiloimperialGallon", UNIT_UKGAL * 1e3, 0},
    {"Kiloliter", 1, 0},
    {"KilousGallon", UNIT_USGAL * 1e3, 0},
    {"Liter", 1e-3, 0},
    {"MegacubicFoot", UNIT_CUFOOT * 1e6, 0},
    {"MegaimperialGallon", UNIT_UKGAL * 1e6, 0},
    {"Megaliter", 1e3, 0},
    {"MegausGallon", UNIT_USGAL * 1e6, 0},
    {"MetricCup", 2.5e-4, 0},
    {"MetricTeaspoon", 5e-6, 0},
    {"Microliter", 1e-9, 0},
    {"Milliliter", 1e-6, 0},
    {"OilBarrel", UNIT_USGAL * 42, 0},
    {"UkTablespoon", 1.5e-5, 0},
    {"UsBeerBarrel", UNIT_USGAL * 31, 0},
    {"UsCustomaryCup", UNIT_USGAL / 16, 0},
    {"UsGallon", UNIT_USGAL, 0},
    {"UsLegalCup", 2.4e-4, 0},
    {"UsOunce", UNIT_USGAL / 128, 0},
    {"UsPint", UNIT_USGAL / 8, 0},
    {"UsQuart", UNIT_USGAL / 4, 0},
    {"UsTablespoon", UNIT_USGAL / 256, 0},
    {"UsTeaspoon", UNIT_USGAL / 768, 0},
};

typedef struct unit_kind {
    const unit *units;
    size_t count;
} unit_kind;

#define UNIT_KIND(name)                                      \
    static const unit_kind unit_kind_##name = {units_##name, \
                                               sizeof(units_##name) / sizeof(units_##name[0])}
UNIT_KIND(length);
UNIT_KIND(mass);
UNIT_KIND(speed);
UNIT_KIND(temperature);
UNIT_KIND(energy);
UNIT_KIND(force);
UNIT_KIND(angle);
UNIT_KIND(volume);

static const unit *unit_find(const unit_kind *kind, hist_str name)
{
    for (size_t i = 0; i < kind->count; i++) {
        if (hi_str_is(name, kind->units[i].name)) {
            return &kind->units[i];
        }
    }
    return NULL;
}

static void unit_row_convert(hi_row *r)
{
    const unit *from = unit_find(r->data, hi_row_str(r, 1));
    const unit *to = unit_find(r->data, hi_row_str(r, 2));

    if (from != NULL && to != NULL) {
        const double base = r->args[0].real * from->scale + from->offset;

        hi_cb_real(r->out, (base - to->offset) / to->scale);
    }
}

/* ---- format_bytes(size[, digits[, unit]]) ---- */

static void unit_row_bytes(hi_row *r)
{
    static const char *const names[] = {"Bytes", "KB", "MB", "GB", "TB", "PB", "EB"};
    const int64_t digits = hi_row_i64_or(r, 1, 0);
    const hist_str wanted = r->arg_count > 2 ? hi_row_str(r, 2) : (hist_str){"", 0};
    double v = r->args[0].real;
    size_t k = 0;

    if (wanted.size == 0) {
        while (fabs(v) >= 1024 && k < 6) {
            v /= 1024;
            k++;
        }
    } else {
        while (k < 6 && !hi_str_is(wanted, names[k])) {
            v /= 1024;
            k++;
        }
        if (!hi_str_is(wanted, names[k])) {
            return;
        }
    }
    const double scale = pow(10, digits < 0 ? 0 : digits > 15 ? 15 : (double)digits);
    char text[HI_NUM_DOUBLE_SIZE];
    size_t size = hi_num_print_double(text, round(v * scale) / scale);
    if (size > 2 && memcmp(text + size - 2, ".0", 2) == 0) {
        size -= 2;
    }
    (void)hi_cb_begin(r->out);
    hi_buf_append(r->out->buf, text, size);
    hi_buf_byte(r->out->buf, ' ');
    hi_buf_append(r->out->buf, names[k], strlen(names[k]));
    hi_cb_end(r->out);
}

#define UNIT_FUNC(name_)                                                          \
    {                                                                             \
        .name = "convert_" #name_, .signature = "rss>r", .row = unit_row_convert, \
        .data = &unit_kind_##name_                                                \
    }

static const hi_func unit_funcs[] = {
    UNIT_FUNC(length),
    UNIT_FUNC(mass),
    UNIT_FUNC(speed),
    UNIT_FUNC(temperature),
    UNIT_FUNC(energy),
    UNIT_FUNC(force),
    UNIT_FUNC(angle),
    UNIT_FUNC(volume),
    {.name = "format_bytes", .signature = "r|ls>s", .row = unit_row_bytes},
};

const hi_func_table hi_funcs_units = HI_FUNC_TABLE(unit_funcs);
