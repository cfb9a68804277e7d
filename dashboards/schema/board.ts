// The boards as Grafana has them: panels of four kinds, each with the options of its kind, queries of Prometheus, and
// annotations with the fields that the source Prometheus reads of them.
import type { AnnotationQuery, Dashboard, FieldConfig, FieldConfigSource, Panel, RowPanel, DataSourceRef } from './node_modules/@grafana/schema/dist/types/raw/dashboard/x/dashboard_types.gen';
import type * as barchart from './node_modules/@grafana/schema/dist/types/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen';
import type * as bargauge from './node_modules/@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as stat from './node_modules/@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as timeseries from './node_modules/@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

interface BarChartOptions extends barchart.Options {}
interface BarChartBars extends barchart.FieldConfig {}
interface BarGaugeOptions extends bargauge.Options {}
interface StatOptions extends stat.Options {}
interface TimeSeriesOptions extends timeseries.Options {}
interface Curve extends timeseries.FieldConfig {}

interface Target {
  datasource: DataSourceRef;
  expr: string;
  format?: 'table';
  instant: boolean;
  legendFormat: string;
  range: boolean;
  refId: string;
}

interface Shown<Type extends string, Options, Custom> extends Omit<Panel, 'type' | 'options' | 'targets' | 'fieldConfig'> {
  type: Type;
  options: Options;
  targets: Target[];
  fieldConfig: Omit<FieldConfigSource, 'defaults'> & { defaults: Omit<FieldConfig, 'custom'> & { custom?: Custom } };
}

interface Annotation extends Omit<AnnotationQuery, 'target' | 'type' | 'builtIn'> {
  expr: string;
  step: string;
  textFormat: string;
  titleFormat: string;
  useValueForTime: boolean;
}

export interface Board extends Omit<Dashboard, 'panels' | 'annotations'> {
  annotations: { list: Annotation[] };
  panels: Array<
    | RowPanel
    | Shown<'barchart', BarChartOptions, BarChartBars>
    | Shown<'bargauge', BarGaugeOptions, never>
    | Shown<'stat', StatOptions, never>
    | Shown<'timeseries', TimeSeriesOptions, Curve>
  >;
}
