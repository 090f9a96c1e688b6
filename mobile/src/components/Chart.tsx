import { useState } from 'react';
import { StyleSheet, View } from 'react-native';
import Svg, { G, Line, Path, Polyline, Text as SvgText } from 'react-native-svg';
import { seriesOf, type Series } from '../games/series';
import type { Scoresheet } from '../games/scoring';
import { space, type as typeScale, useColors } from '../theme';
import { AppText } from './AppText';
import { count, points } from './words';

const HEIGHT = 220;
const MARGIN = { left: 36, right: 12, top: 24, bottom: 24 };
const DASHES = ['', '7 4', '2 4', '10 4 2 4', '', '7 4', '2 4', '10 4 2 4'];
/** Marker outlines around 0,0: together with the dashes they distinguish the lines without color. */
const MARKS = [
  'M-4 0a4 4 0 108 0a4 4 0 10-8 0z',
  'M-3.5-3.5h7v7h-7z',
  'M0-4.5L4.5 3.5h-9z',
  'M0-5L5 0 0 5-5 0z',
  'M0 4.5L-4.5-3.5h9z',
  'M-4.5-1.5h3v-3h3v3h3v3h-3v3h-3v-3h-3z',
  'M-4.5 0L0-4.5V4.5z',
  'M4.5 0L0-4.5V4.5z',
];

/** Everyone's total after each round as a line chart, also described in words. */
export function Chart({ sheet, target }: { sheet: Scoresheet; target: number }) {
  const colors = useColors();
  const [width, setWidth] = useState(0);
  const series = seriesOf(sheet);
  const { low, high, ticks } = scaleOf(series, target);
  const lastRound = sheet.rounds.length;
  const x = (round: number) =>
    MARGIN.left + (round / Math.max(1, lastRound)) * (width - MARGIN.left - MARGIN.right);
  const y = (total: number) =>
    HEIGHT - MARGIN.bottom - ((total - low) / (high - low)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const everyRound = Math.max(1, Math.ceil(lastRound / Math.max(1, Math.floor(width / 48))));
  const label = {
    fill: colors.inkSoft,
    fontSize: typeScale.tiny.fontSize,
    fontFamily: typeScale.tiny.fontFamily,
  };

  return (
    <View testID="chart" style={styles.chart}>
      <View
        role="img"
        aria-label={describe(series, lastRound, target)}
        onLayout={(event) => setWidth(event.nativeEvent.layout.width)}
        style={styles.plot}
      >
        {width > 0 && (
          <Svg width={width} height={HEIGHT} aria-hidden>
            {ticks.map((tick) => (
              <G key={tick}>
                <Line
                  x1={MARGIN.left}
                  x2={width - MARGIN.right}
                  y1={y(tick)}
                  y2={y(tick)}
                  stroke={colors.rule}
                />
                <SvgText {...label} x={MARGIN.left - 8} y={y(tick) + 4} textAnchor="end">
                  {points(tick)}
                </SvgText>
              </G>
            ))}
            <Line
              x1={MARGIN.left}
              x2={width - MARGIN.right}
              y1={y(target)}
              y2={y(target)}
              stroke={colors.accent}
              strokeWidth={2}
            />
            <SvgText {...label} fill={colors.accent} x={MARGIN.left} y={y(target) - 6} textAnchor="start">
              {`target ${target}`}
            </SvgText>
            {Array.from({ length: lastRound }, (_, index) => index + 1)
              .filter((round) => round % everyRound === 0)
              .map((round) => (
                <SvgText {...label} key={round} x={x(round)} y={HEIGHT - 6} textAnchor="middle">
                  {round}
                </SvgText>
              ))}
            {series.map(({ player, totals }, seat) => (
              <G key={player.id}>
                <Polyline
                  points={totals.map((total, round) => `${x(round)},${y(total)}`).join(' ')}
                  fill="none"
                  stroke={colorOf(colors.lines, seat)}
                  strokeWidth={2}
                  strokeDasharray={DASHES[seat % DASHES.length]}
                  strokeLinejoin="round"
                />
                {totals.slice(1).map((total, index) => (
                  <Path
                    key={index}
                    d={MARKS[seat % MARKS.length]}
                    transform={`translate(${x(index + 1)}, ${y(total)})`}
                    fill={colorOf(colors.lines, seat)}
                  />
                ))}
              </G>
            ))}
          </Svg>
        )}
      </View>
      <View style={styles.legend}>
        {series.map(({ player }, seat) => (
          <View key={player.id} style={styles.name}>
            <Svg width={36} height={16} aria-hidden>
              <Line
                x1={0}
                x2={36}
                y1={8}
                y2={8}
                stroke={colorOf(colors.lines, seat)}
                strokeWidth={2}
                strokeDasharray={DASHES[seat % DASHES.length]}
              />
              <Path
                d={MARKS[seat % MARKS.length]}
                transform="translate(18, 8)"
                fill={colorOf(colors.lines, seat)}
              />
            </Svg>
            <AppText kind="small" numberOfLines={1} style={styles.label}>
              {player.name}
            </AppText>
          </View>
        ))}
      </View>
    </View>
  );
}

function colorOf(lines: readonly string[], seat: number): string {
  return lines[seat % lines.length]!;
}

/** The range of the y axis, and four to six round numbers as its ticks. */
function scaleOf(series: Series[], target: number): { low: number; high: number; ticks: number[] } {
  const all = series.flatMap(({ totals }) => totals);
  const low = Math.min(0, ...all);
  const high = Math.max(target, 1, ...all);
  const roughStep = (high - low) / 4;
  const magnitude = 10 ** Math.floor(Math.log10(roughStep));
  const step = [1, 2, 5, 10].map((factor) => factor * magnitude).find((size) => size >= roughStep)!;
  const first = Math.ceil(low / step) * step;
  const ticks = Array.from(
    { length: Math.floor((high - first) / step) + 1 },
    (_, index) => first + index * step,
  );
  return { low, high, ticks };
}

function describe(series: Series[], rounds: number, target: number): string {
  const totals = series.map(({ player, totals }) => `${player.name} ${points(totals.at(-1) ?? 0)}`);
  return `Totals over ${count(rounds, 'round')}, target ${target}. Now: ${totals.join(', ')}.`;
}

const styles = StyleSheet.create({
  chart: { gap: space.s },
  plot: { height: HEIGHT },
  legend: { flexDirection: 'row', flexWrap: 'wrap', columnGap: space.l, rowGap: space.xs },
  name: { flexDirection: 'row', alignItems: 'center', gap: space.s, maxWidth: '100%' },
  label: { flexShrink: 1 },
});
