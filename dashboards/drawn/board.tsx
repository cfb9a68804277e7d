/**
 * Draws one board as Grafana would: its committed JSON, and what Prometheus answered to each of its queries.
 *
 * Numbers, bars and curves are Grafana's own components and formats. The grid, and the bars of weeks and months, whose
 * panel Grafana does not publish as a component, are drawn here.
 */

import "@fontsource/inter/400.css";
import "@fontsource/inter/500.css";
import React from "react";
import { createRoot } from "react-dom/client";
import {
  applyFieldOverrides,
  createTheme,
  dateTime,
  FieldType,
  getFieldDisplayValues,
  ThemeContext,
  toDataFrame,
  type DataFrame,
  type GrafanaTheme2,
} from "@grafana/data";
import { BarGauge, BigValue, GlobalStyles, PanelChrome, TimeSeries, VizRepeater } from "@grafana/ui";

const CELL = 30;
const GAP = 8;
const PHONE = 769; // narrower than this, panels stand below each other, as in Grafana

interface Answer {
  legend: string;
  labels: Record<string, string>;
  points: [number, number][]; // time (s), value
}

interface Given {
  board: any;
  answers: Record<string, Answer[]>; // by panel id
  mode: "light" | "dark";
  width: number;
  zone: string;
  from: number; // ms
  to: number;
}

const given = (window as any).GIVEN as Given;
const theme: GrafanaTheme2 = createTheme({ colors: { mode: given.mode } });
const plain = (text: string): string => text;

function frames(panel: any): DataFrame[] {
  const { defaults } = panel.fieldConfig;
  const data = (given.answers[panel.id] || []).map((answer, seriesIndex) =>
    toDataFrame({
      name: answer.legend,
      fields: [
        { name: "Time", type: FieldType.time, values: answer.points.map(([time]) => time * 1000), config: {} },
        {
          name: "Value",
          type: FieldType.number,
          values: answer.points.map(([, value]) => value),
          labels: answer.labels,
          config: { ...defaults, displayName: answer.legend },
          state: { seriesIndex },
        },
      ],
    }),
  );
  return applyFieldOverrides({
    data,
    fieldConfig: panel.fieldConfig,
    theme,
    replaceVariables: plain,
    timeZone: given.zone,
  });
}

const values = (panel: any) =>
  getFieldDisplayValues({
    fieldConfig: panel.fieldConfig,
    reduceOptions: panel.options.reduceOptions,
    replaceVariables: plain,
    theme,
    data: frames(panel),
    timeZone: given.zone,
  });

function Stat({ panel, width, height }: { panel: any; width: number; height: number }) {
  const { colorMode, graphMode, justifyMode, textMode, orientation } = panel.options;
  return (
    <VizRepeater
      getValues={() => values(panel)}
      renderValue={({ value, width, height, count }: any) => (
        <BigValue {...{ value: value.display, width, height, count, theme, colorMode, graphMode, justifyMode, textMode }} />
      )}
      source={panel}
      renderCounter={0}
      orientation={orientation}
      width={width}
      height={height}
    />
  );
}

function Bars({ panel, width, height }: { panel: any; width: number; height: number }) {
  const { displayMode, orientation, showUnfilled, valueMode, namePlacement } = panel.options;
  const shown = values(panel);
  if (!shown.length) return <Nothing panel={panel} />;
  return (
    <VizRepeater
      getValues={() => shown}
      renderValue={({ value, width, height, alignmentFactors }: any) => (
        <BarGauge
          {...{ width, height, orientation, theme, displayMode, showUnfilled, namePlacement, alignmentFactors }}
          value={value.display}
          field={value.field}
          text={panel.options.text}
          display={value.view?.getFieldDisplayProcessor?.(value.colIndex)}
          valueDisplayMode={valueMode}
        />
      )}
      getAlignmentFactors={(all: any[]) => ({
        title: all.map((one) => one.display.title || "").reduce((a, b) => (b.length > a.length ? b : a), ""),
        text: all.map((one) => one.display.text || "").reduce((a, b) => (b.length > a.length ? b : a), ""),
      })}
      source={panel}
      renderCounter={0}
      orientation={orientation}
      minVizHeight={panel.options.minVizHeight}
      maxVizHeight={panel.options.maxVizHeight}
      itemSpacing={10}
      width={width}
      height={height}
    />
  );
}

function Curves({ panel, width, height }: { panel: any; width: number; height: number }) {
  const shown = frames(panel).filter((frame) => frame.length);
  if (!shown.length) return <Nothing panel={panel} />;
  const minutes = panel.timeFrom ? parseInt(panel.timeFrom) : 0;
  const from = minutes ? given.to - minutes * 60_000 : given.from;
  return (
    <TimeSeries
      frames={shown}
      structureRev={1}
      timeRange={{ from: dateTime(from), to: dateTime(given.to), raw: { from: dateTime(from), to: dateTime(given.to) } }}
      timeZone={given.zone}
      width={width}
      height={height}
      legend={panel.options.legend}
      options={panel.options}
      replaceVariables={plain}
    />
  );
}

/** The bars of weeks and months, in order. */
function Periods({ panel, width, height }: { panel: any; width: number; height: number }) {
  const name = panel.options.xField;
  const ordered = [...(given.answers[panel.id] || [])].sort((a, b) => (a.labels[name] < b.labels[name] ? -1 : 1));
  if (!ordered.length) return <Nothing panel={panel} />;
  const [frame] = applyFieldOverrides({
    data: [toDataFrame({ fields: [{ name: "Value", type: FieldType.number, values: ordered.map((one) => one.points[0][1]), config: panel.fieldConfig.defaults }] })],
    fieldConfig: panel.fieldConfig,
    theme,
    replaceVariables: plain,
  });
  const field = frame.fields[0];
  const most = Math.max(...field.values, 0) || 1;
  const high = height - 34;
  const wide = width / ordered.length;
  const every = Math.ceil(60 / wide);
  const color = theme.visualization.getColorByName("blue");
  return (
    <svg width={width} height={height}>
      {ordered.map((one, at) => {
        const value = field.values[at];
        const tall = (Math.max(value, 0) / most) * high;
        const said = field.display!(value);
        const middle = (at + 0.5) * wide;
        return (
          <g key={at} fill={theme.colors.text.primary} fontSize={11} textAnchor="middle">
            <rect x={at * wide + wide * 0.1} width={wide * 0.8} y={14 + high - tall} height={tall} fill={color} fillOpacity={0.8} />
            {(ordered.length - 1 - at) % every == 0 && (
              <>
                {value != 0 && <text x={middle} y={10 + high - tall}>{`${said.prefix || ""}${said.text}${said.suffix || ""}`}</text>}
                <text x={middle} y={height - 4} fill={theme.colors.text.secondary}>{one.labels[name]}</text>
              </>
            )}
          </g>
        );
      })}
    </svg>
  );
}

const Nothing = ({ panel }: { panel: any }) => (
  <div style={{ height: "100%", display: "flex", alignItems: "center", justifyContent: "center", color: theme.colors.text.secondary }}>
    {panel.fieldConfig.defaults.noValue}
  </div>
);

const KINDS: Record<string, (props: { panel: any; width: number; height: number }) => React.ReactElement> = {
  stat: Stat,
  bargauge: Bars,
  timeseries: Curves,
  barchart: Periods,
};

function Board() {
  const isPhone = given.width < PHONE;
  const column = (given.width - GAP) / 24;
  let below = GAP;
  const placed = given.board.panels.map((panel: any) => {
    const { x, y, w, h } = panel.gridPos;
    const height = h * CELL + (h - 1) * GAP;
    if (!isPhone) return { panel, left: x * column + GAP, top: y * (CELL + GAP) + GAP, width: w * column - GAP, height };
    const top = below;
    below += height + GAP;
    return { panel, left: GAP, top, width: given.width - 2 * GAP, height };
  });
  const end = Math.max(...placed.map((one: any) => one.top + one.height)) + GAP;
  return (
    <div id="board" style={{ position: "relative", width: given.width, height: end, background: theme.colors.background.canvas }}>
      {placed.map(({ panel, left, top, width, height }: any) => {
        const Kind = KINDS[panel.type];
        return (
          <div key={panel.id} style={{ position: "absolute", left, top, width, height }}>
            {Kind ? (
              <PanelChrome title={panel.title} width={width} height={height}>
                {(inner: number, high: number) => <Kind panel={panel} width={inner} height={high} />}
              </PanelChrome>
            ) : (
              <h2 style={{ fontSize: 18, fontWeight: 500, lineHeight: `${CELL}px`, color: theme.colors.text.primary }}>{panel.title}</h2>
            )}
          </div>
        );
      })}
    </div>
  );
}

document.body.style.cssText = `margin:0;background:${theme.colors.background.canvas};font-family:${theme.typography.fontFamily};font-size:14px;color:${theme.colors.text.primary}`;
createRoot(document.getElementById("root")!).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <Board />
  </ThemeContext.Provider>,
);
